def divide(x):
    return x / 0

divide(1)

import sys
import mpirepl
sys.exit([4, 6, 5][mpirepl.rank])

# shellcheck shell=bash
# Sourced by scripts/quickstart and scripts/test from the top of the checkout: packages, the Python and
# the MPI to build for, and the build itself.

program=scripts/${0##*/}
exec </dev/null
# shellcheck disable=SC2034 # the sourcing script reads it
requested_python=${PYTHON:-/usr/bin/python3}
unset "${!PYTHON@}" VIRTUAL_ENV CONDA_PREFIX # of another environment, perhaps; use_python sets what is right

die() {
    echo "$program: $1" >&2
    exit 1
}

# install_packages PACKAGE...: by apt, those that are missing.
install_packages() {
    local package missing=() as_root=()
    if ! command -v apt-get >/dev/null; then
        echo "$program: without apt-get packages are not checked; needed is what Debian calls: $*" >&2
        return
    fi
    for package; do
        [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed* ]] || missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    if ((EUID)); then
        command -v sudo >/dev/null ||
            die "packages are missing and there is no sudo; have an administrator run: apt-get install ${missing[*]}"
        as_root=(sudo)
    fi
    echo "$program: installing ${missing[*]}"
    local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=600)
    "${apt[@]}" update || echo "$program: apt-get update failed; trying with the lists that are there." >&2
    "${apt[@]}" install -y --no-install-recommends "${missing[@]}" ||
        die "apt-get could not install the packages; its message above says why."
}

# make_venv DIRECTORY REQUIREMENT...: a virtual environment of Debian's Python with packages of PyPI, made once.
make_venv() {
    local directory=$1
    shift
    [[ $(cat "$directory/requirements.txt" 2>/dev/null) != "$*" ]] || return 0
    /usr/bin/python3 -m venv --clear "$directory"
    "$directory/bin/python" -m pip install --quiet --no-cache-dir --disable-pip-version-check "$@" ||
        die "pip could not install $*; its message above says why."
    echo "$*" >"$directory/requirements.txt"
}

# use_python INTERPRETER [PACKAGE...]: installs what a build for it needs, and the packages given; sets python,
# mpiexec, build_root and cmake_settings; activates the interpreter's environment.
use_python() {
    local packages=(g++ cmake ninja-build libfmt-dev libboost-dev python3-dev "${@:2}")
    local bin prefix mpicc=/usr/bin/mpicc.openmpi
    python=$1 mpiexec=/usr/bin/mpiexec.openmpi build_root=build
    [[ $python == /usr/bin/python3 ]] || python=$("$python" -c 'import sys; print(sys.executable)' 2>/dev/null) ||
        die "the Python interpreter $1 does not run; name another one in the variable PYTHON."
    bin=${python%/*}
    if [[ $bin == /usr/bin ]]; then
        packages+=(pybind11-dev python3-mpi4py python3-numpy)
    else
        "$python" -c 'import mpi4py, numpy, pybind11' 2>/dev/null ||
            die "$python lacks mpi4py, numpy or pybind11; run: $python -m pip install mpi4py numpy pybind11"
        build_root=build/python-$(echo "$python" "$("$python" -VV)" | cksum | cut -d' ' -f1)
    fi
    if [[ $bin != /usr/bin && -x $bin/mpicc ]]; then
        mpicc=$bin/mpicc mpiexec=$bin/mpiexec
    else
        packages+=(libopenmpi-dev openmpi-bin)
    fi
    install_packages "${packages[@]}"
    cmake_settings=("-DPython_EXECUTABLE=$python" "-DMPI_C_COMPILER=$mpicc" "-DMPIEXEC_EXECUTABLE=$mpiexec")
    [[ $bin == /usr/bin ]] || cmake_settings+=("-Dpybind11_DIR=$("$python" -m pybind11 --cmakedir)")
    prefix=$("$python" -c 'import sys; print(sys.prefix)')
    [[ ! -e $prefix/pyvenv.cfg ]] || export VIRTUAL_ENV=$prefix
    [[ ! -d $prefix/conda-meta ]] || export CONDA_PREFIX=$prefix
    export PATH=$bin:$PATH
    set_open_mpi_variables
}

set_open_mpi_variables() {
    local settings=(PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe)
    [[ $("$mpiexec" --version) != *OpenRTE* ]] || settings=(OMPI_MCA_rmaps_base_oversubscribe=1)
    ((EUID)) || settings+=(OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1)
    export "${settings[@]}"
    echo "$program: set for Open MPI, which else refuses root and more ranks than cores: ${settings[*]}" >&2
}

# build PRESET [SETTING...]: configures anew, since packages may have come or gone, and compiles what changed.
build() {
    rm -f "$build_root/$1/CMakeCache.txt"
    cmake --preset "$1" -B "$build_root/$1" "${cmake_settings[@]}" "${@:2}"
    cmake --build "$build_root/$1"
}

# Find libtorch in a folder, or in the wheel of a Python, without what the CUDA build's own package asks for.
#
# find_package(Torch) of a CUDA wheel stops where there is no CUDA toolkit. A program that computes on the CPU needs no
# toolkit: it needs the headers, libtorch_cpu and libc10, which are here linked directly.
#
# Where to look, in this order:
#   NST_TORCH           a folder of libtorch, the folder `torch` of a wheel, or the site-packages that it is in; also
#                       an environment variable
#   TorchWheel_HINTS    folders to try before asking Python
#   Python3_EXECUTABLE  the Python whose torch is taken (`-DPython3_EXECUTABLE=.venv/bin/python`); else python3 on PATH
#
# Gives the targets TorchWheel::cpu and, where this torch has CUDA, TorchWheel::cuda (everything, for programs that
# compute on GPUs), and TorchWheel_FOUND, TorchWheel_VERSION, TorchWheel_ROOT, TorchWheel_LIBRARY_DIR.

set(NST_TORCH "" CACHE PATH "Folder of libtorch, or of the torch wheel; empty: ask python3")

function(_torch_wheel_root out)
  set(given "${NST_TORCH}")
  if(NOT given)
    set(given "$ENV{NST_TORCH}")
  endif()
  if(given)
    get_filename_component(given "${given}" ABSOLUTE BASE_DIR "${CMAKE_BINARY_DIR}")
    set(candidates "${given}")
  else()
    set(candidates ${TorchWheel_HINTS})
  endif()
  foreach(candidate IN LISTS candidates)
    foreach(folder "${candidate}" "${candidate}/torch" "${candidate}/libtorch")
      if(EXISTS "${folder}/include/torch/headeronly/version.h")
        set(${out} "${folder}" PARENT_SCOPE)
        return()
      endif()
    endforeach()
  endforeach()
  if(given)
    set(${out} "" PARENT_SCOPE)
    set(_torch_wheel_reason "NST_TORCH is '${given}', but there is no libtorch 2.14 or newer in it" PARENT_SCOPE)
    return()
  endif()
  find_package(Python3 QUIET COMPONENTS Interpreter)
  if(NOT Python3_Interpreter_FOUND)
    set(_torch_wheel_reason "there is no python3 to ask; set NST_TORCH to the folder of libtorch" PARENT_SCOPE)
    return()
  endif()
  # Finding the package does not import it, which takes seconds.
  execute_process(
    COMMAND "${Python3_EXECUTABLE}" -c
            "import importlib.util as u; print(u.find_spec('torch').submodule_search_locations[0], end='')"
    OUTPUT_VARIABLE folder ERROR_QUIET RESULT_VARIABLE code)
  if(code EQUAL 0 AND EXISTS "${folder}/include/torch/headeronly/version.h")
    file(TO_CMAKE_PATH "${folder}" folder)
    set(${out} "${folder}" PARENT_SCOPE)
  else()
    set(_torch_wheel_reason "${Python3_EXECUTABLE} has no torch 2.14 or newer; set NST_TORCH to the folder of libtorch \
or of a wheel, or Python3_EXECUTABLE to a Python that has torch" PARENT_SCOPE)
  endif()
endfunction()

set(TorchWheel_ROOT "")
set(_torch_wheel_reason "")
_torch_wheel_root(TorchWheel_ROOT)

if(TorchWheel_ROOT)
  set(_torch_wheel_parts "")
  foreach(_torch_wheel_part MAJOR MINOR PATCH)
    file(STRINGS "${TorchWheel_ROOT}/include/torch/headeronly/version.h" _torch_wheel_line
         REGEX "define TORCH_VERSION_${_torch_wheel_part} ")
    string(REGEX MATCH "[0-9]+$" _torch_wheel_number "${_torch_wheel_line}")
    list(APPEND _torch_wheel_parts "${_torch_wheel_number}")
  endforeach()
  list(JOIN _torch_wheel_parts "." TorchWheel_VERSION)
  set(TorchWheel_LIBRARY_DIR "${TorchWheel_ROOT}/lib")
  foreach(_torch_wheel_name c10 torch_cpu torch torch_cuda c10_cuda)
    find_library(_torch_wheel_${_torch_wheel_name} ${_torch_wheel_name} PATHS "${TorchWheel_LIBRARY_DIR}"
                 NO_DEFAULT_PATH NO_CACHE)
  endforeach()
  # The runtime of OpenMP that torch itself uses: a second one in the process would have threads of its own.
  file(GLOB _torch_wheel_openmp "${TorchWheel_LIBRARY_DIR}/libgomp*.so*" "${TorchWheel_ROOT}/../torch.libs/libgomp*.so*")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(
  TorchWheel
  REQUIRED_VARS TorchWheel_ROOT _torch_wheel_torch_cpu _torch_wheel_c10
  VERSION_VAR TorchWheel_VERSION
  REASON_FAILURE_MESSAGE "${_torch_wheel_reason}")

function(_torch_wheel_target name library)
  if(NOT TARGET TorchWheel::${name})
    add_library(TorchWheel::${name} SHARED IMPORTED)
    set_target_properties(TorchWheel::${name} PROPERTIES IMPORTED_LOCATION "${library}" IMPORTED_IMPLIB "${library}")
  endif()
endfunction()

if(TorchWheel_FOUND AND NOT TARGET TorchWheel::cpu)
  _torch_wheel_target(c10 "${_torch_wheel_c10}")
  _torch_wheel_target(torch_cpu "${_torch_wheel_torch_cpu}")
  add_library(TorchWheel::cpu INTERFACE IMPORTED)
  set_target_properties(
    TorchWheel::cpu
    PROPERTIES INTERFACE_INCLUDE_DIRECTORIES
               "${TorchWheel_ROOT}/include;${TorchWheel_ROOT}/include/torch/csrc/api/include"
               INTERFACE_LINK_LIBRARIES "TorchWheel::torch_cpu;TorchWheel::c10"
               INTERFACE_COMPILE_FEATURES cxx_std_20)
  if(_torch_wheel_openmp)
    list(GET _torch_wheel_openmp 0 _torch_wheel_openmp)
    _torch_wheel_target(openmp "${_torch_wheel_openmp}")
    set_property(TARGET TorchWheel::cpu APPEND PROPERTY INTERFACE_LINK_LIBRARIES TorchWheel::openmp)
  endif()
  if(_torch_wheel_torch_cuda AND _torch_wheel_c10_cuda)
    # Nothing refers to these by name; torch finds its CUDA kernels by their being loaded.
    add_library(TorchWheel::cuda INTERFACE IMPORTED)
    set_target_properties(
      TorchWheel::cuda
      PROPERTIES INTERFACE_LINK_LIBRARIES
                 "TorchWheel::cpu;-Wl,--no-as-needed,${_torch_wheel_torch_cuda},${_torch_wheel_c10_cuda},--as-needed")
  endif()
endif()

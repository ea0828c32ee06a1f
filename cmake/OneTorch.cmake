# find_package(Torch), all of it from one place: Torch's own configuration looks for Caffe2 on the
# system first, and would link another LibTorch's libraries where two are installed.
if(Torch_DIR AND NOT Caffe2_DIR AND EXISTS "${Torch_DIR}/../Caffe2/Caffe2Config.cmake")
  get_filename_component(Caffe2_DIR "${Torch_DIR}/../Caffe2" ABSOLUTE)
endif()
find_package(Torch REQUIRED)
get_target_property(anycapture_torch_build torch_cpu IMPORTED_CONFIGURATIONS)
list(GET anycapture_torch_build 0 anycapture_torch_build)
get_target_property(anycapture_torch torch_cpu IMPORTED_LOCATION_${anycapture_torch_build})
get_filename_component(anycapture_torch_home "${Torch_DIR}/../../.." REALPATH)
get_filename_component(anycapture_torch "${anycapture_torch}" REALPATH)
if(NOT anycapture_torch MATCHES "^${anycapture_torch_home}/")
  message(FATAL_ERROR "Torch is taken from ${Torch_DIR}, its libraries from ${anycapture_torch}: "
    "set CMAKE_PREFIX_PATH to the one LibTorch that you want")
endif()

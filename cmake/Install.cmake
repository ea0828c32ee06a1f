# What `cmake --install` puts where, so that find_package(anycapture) finds it.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(anycapture_targets anycapture_core anycapture_pictures anycapture_viewer)
set_target_properties(anycapture_core PROPERTIES EXPORT_NAME core)
set_target_properties(anycapture_pictures PROPERTIES EXPORT_NAME pictures)
set_target_properties(anycapture_viewer PROPERTIES EXPORT_NAME viewer)
if(TARGET anycapture)
  list(APPEND anycapture_targets anycapture)
else()
  set(anycapture_interpose_problem "anycapture was built without LibTorch")
endif()
if(TARGET anycapture_interpose)
  set_target_properties(anycapture_interpose PROPERTIES EXPORT_NAME interpose)
  list(APPEND anycapture_targets anycapture_interpose)
endif()
set_target_properties(${anycapture_targets} PROPERTIES
  VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
  INSTALL_RPATH "$ORIGIN" INSTALL_RPATH_USE_LINK_PATH ON)

install(TARGETS ${anycapture_targets} EXPORT anycapture)
file(RELATIVE_PATH anycapture_libraries_from_bin
  ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
set_target_properties(anycapture_cli PROPERTIES
  INSTALL_RPATH "$ORIGIN/${anycapture_libraries_from_bin}")
install(TARGETS anycapture_cli)
if(TARGET anycapture_torch)
  set_target_properties(anycapture_torch PROPERTIES
    INSTALL_RPATH "$ORIGIN/${anycapture_libraries_from_bin}" INSTALL_RPATH_USE_LINK_PATH ON)
  install(TARGETS anycapture_torch)
endif()
set(anycapture_completions src/cli/completions/anycapture)
install(FILES ${anycapture_completions}.bash RENAME anycapture
  DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${anycapture_completions}.zsh RENAME _anycapture
  DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(FILES ${anycapture_completions}.fish
  DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
install(DIRECTORY include/anycapture DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
set(anycapture_has_instrument OFF)
if(TARGET anycapture_instrument)
  set(anycapture_has_instrument ON)
endif()
set(anycapture_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/anycapture)
install(EXPORT anycapture NAMESPACE anycapture:: FILE anycaptureTargets.cmake
  DESTINATION ${anycapture_package_dir})
configure_package_config_file(cmake/anycaptureConfig.cmake.in
  ${PROJECT_BINARY_DIR}/anycaptureConfig.cmake INSTALL_DESTINATION ${anycapture_package_dir}
  PATH_VARS CMAKE_INSTALL_BINDIR)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/anycaptureConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/anycaptureConfig.cmake
  ${PROJECT_BINARY_DIR}/anycaptureConfigVersion.cmake cmake/OneTorch.cmake
  cmake/AnycaptureInstrument.cmake
  DESTINATION ${anycapture_package_dir})

dnl SPDX-License-Identifier: BSD-3-Clause
dnl Copyright (c) 2026 the libvfio-user-client authors

dnl VUC_CHECK_LIBVFIO_USER
dnl
dnl Whether libvfio-user is there, a library to make servers with: the tests then talk to one. It has
dnl no pkg-config file; where it is installed is for CPPFLAGS and LDFLAGS to say. Sets
dnl have_libvfio_user and LIBVFIO_USER_LIBS.
AC_DEFUN([VUC_CHECK_LIBVFIO_USER],
[have_libvfio_user=no
LIBVFIO_USER_LIBS=
AC_CHECK_HEADER([vfio-user/libvfio-user.h],
  [AC_CHECK_LIB([vfio-user], [vfu_create_ctx],
    [have_libvfio_user=yes
     LIBVFIO_USER_LIBS=-lvfio-user])],
  [],
  [[#include <stdbool.h>
    #include <stddef.h>]])
AS_IF([test "$have_libvfio_user" = yes],
  [AC_DEFINE([HAVE_LIBVFIO_USER], [1], [Define to 1 if tests can make a device with libvfio-user.])])
AC_SUBST([LIBVFIO_USER_LIBS])
AM_CONDITIONAL([HAVE_LIBVFIO_USER], [test "$have_libvfio_user" = yes])])

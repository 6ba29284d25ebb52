dnl SPDX-License-Identifier: BSD-3-Clause
dnl Copyright (c) 2026 the libvfio-user-client authors

dnl _VUC_TRY_FLAGS(FLAGS, IF-ACCEPTED, [IF-NOT])
dnl
dnl Whether the compiler takes FLAGS and can link with them. -Werror, because clang only warns about
dnl warnings that it does not know.
AC_DEFUN([_VUC_TRY_FLAGS],
[vuc_saved_CFLAGS=$CFLAGS
CFLAGS="$CFLAGS -Werror $1"
AC_LINK_IFELSE([AC_LANG_SOURCE([[int main (void) { return 0; }]])], [vuc_accepted=yes], [vuc_accepted=no])
CFLAGS=$vuc_saved_CFLAGS
AS_IF([test "$vuc_accepted" = yes], [$2], [$3])])

dnl VUC_COMPILER_FLAGS
dnl
dnl Sets VUC_CFLAGS: the language, the warnings that this compiler has, hidden visibility. All of
dnl them are tried at once; one by one only if that fails, so that the usual configure is quick.
AC_DEFUN([VUC_COMPILER_FLAGS],
[AC_MSG_CHECKING([which warnings $CC has])
vuc_warnings="dnl
 -Wall -Wextra -Wformat=2 -Wmissing-prototypes -Wmissing-declarations -Wold-style-definition dnl
 -Wpointer-arith -Wshadow -Wstrict-prototypes -Wundef -Wvla -Wwrite-strings"
dnl gcc has this one, clang does not
vuc_more_warnings=-Wduplicated-cond
VUC_CFLAGS=
_VUC_TRY_FLAGS([$vuc_warnings $vuc_more_warnings],
  [VUC_CFLAGS="$vuc_warnings $vuc_more_warnings"
   AC_MSG_RESULT([all])],
  [vuc_missing=
   for vuc_flag in $vuc_warnings $vuc_more_warnings; do
     _VUC_TRY_FLAGS([$vuc_flag],
       [VUC_CFLAGS="$VUC_CFLAGS $vuc_flag"],
       [vuc_missing="$vuc_missing $vuc_flag"])
   done
   AC_MSG_RESULT([all but$vuc_missing])])

AC_MSG_CHECKING([whether $CC knows C11 and hidden visibility])
_VUC_TRY_FLAGS([-std=gnu11 -fvisibility=hidden],
  [AC_MSG_RESULT([yes])],
  [AC_MSG_RESULT([no])
   AC_MSG_ERROR([a compiler with -std=gnu11 and -fvisibility=hidden is needed (gcc 4.9, clang 3.5 or later)])])
VUC_CFLAGS=`echo -std=gnu11 -fvisibility=hidden $VUC_CFLAGS`
AC_SUBST([VUC_CFLAGS])])

dnl VUC_ENABLE_WERROR
dnl
dnl --enable-werror: warnings fail the build. Set after all of configure's own checks were made: it
dnl only reaches the Makefile.
AC_DEFUN([VUC_ENABLE_WERROR],
[AC_ARG_ENABLE([werror],
  [AS_HELP_STRING([--enable-werror], [a warning fails the build (for developers)])],
  [], [enable_werror=no])
VUC_WERROR_CFLAGS=
AS_IF([test "$enable_werror" != no], [VUC_WERROR_CFLAGS=-Werror])
AC_SUBST([VUC_WERROR_CFLAGS])])

dnl VUC_ENABLE_SANITIZER
dnl
dnl --enable-sanitizer=LIST: everything is compiled and linked with -fsanitize=LIST, and the first
dnl finding ends the program.
AC_DEFUN([VUC_ENABLE_SANITIZER],
[AC_ARG_ENABLE([sanitizer],
  [AS_HELP_STRING([--enable-sanitizer=LIST],
    [compile with -fsanitize=LIST, for example address,undefined or thread])],
  [], [enable_sanitizer=no])
VUC_SANITIZER= VUC_SANITIZER_CFLAGS=
AS_CASE([$enable_sanitizer],
  [no], [],
  [yes], [AC_MSG_ERROR([--enable-sanitizer wants a list: --enable-sanitizer=address,undefined])],
  [VUC_SANITIZER=$enable_sanitizer
   VUC_SANITIZER_CFLAGS="-fsanitize=$enable_sanitizer -fno-sanitize-recover=all -fno-omit-frame-pointer"
   AC_MSG_CHECKING([whether $CC can do $VUC_SANITIZER_CFLAGS])
   _VUC_TRY_FLAGS([$VUC_SANITIZER_CFLAGS],
     [AC_MSG_RESULT([yes])],
     [AC_MSG_RESULT([no])
      AC_MSG_ERROR([$CC cannot compile and link with -fsanitize=$enable_sanitizer])])])
AC_SUBST([VUC_SANITIZER])
AC_SUBST([VUC_SANITIZER_CFLAGS])])

dnl VUC_ENABLE_COVERAGE
dnl
dnl --enable-coverage: counts which lines are run, for `make coverage`. Optimisation is turned off,
dnl because lines that were merged or moved cannot be counted.
AC_DEFUN([VUC_ENABLE_COVERAGE],
[AC_ARG_ENABLE([coverage],
  [AS_HELP_STRING([--enable-coverage], [count the lines that the tests run, for `make coverage'])],
  [], [enable_coverage=no])
AC_ARG_VAR([GCOV], [gcov, or `llvm-cov gcov' for clang])
VUC_COVERAGE_CFLAGS=
AS_IF([test "$enable_coverage" != no],
  [AC_CHECK_TOOLS([GCOV], [gcov])
   AS_IF([test -z "$GCOV"], [AC_MSG_ERROR([--enable-coverage needs gcov])])
   VUC_COVERAGE_CFLAGS="--coverage -O0"])
AC_SUBST([VUC_COVERAGE_CFLAGS])])

dnl VUC_LINKER_FLAGS
dnl
dnl Checks that the linker has version scripts, and sets VUC_NO_UNDEFINED: a library that forgot one
dnl of its own libraries fails to link. Not so with a sanitizer, whose symbols clang leaves to be
dnl found in the program.
AC_DEFUN([VUC_LINKER_FLAGS],
[AC_MSG_CHECKING([whether the linker has version scripts])
echo 'VUC_0 { global: main; local: *; };' >conftest.map
_VUC_TRY_FLAGS([-shared -fPIC -Wl,--version-script=conftest.map],
  [AC_MSG_RESULT([yes])],
  [AC_MSG_RESULT([no])
   AC_MSG_ERROR([a linker with --version-script is needed (GNU ld, gold, lld or mold)])])
rm -f conftest.map
VUC_NO_UNDEFINED=
AS_IF([test -z "$VUC_SANITIZER"],
  [AC_MSG_CHECKING([whether the linker has -z defs])
   _VUC_TRY_FLAGS([-Wl,-z,defs],
     [VUC_NO_UNDEFINED=-Wl,-z,defs
      AC_MSG_RESULT([yes])],
     [AC_MSG_RESULT([no])])])
AC_SUBST([VUC_NO_UNDEFINED])])

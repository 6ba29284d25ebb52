dnl SPDX-License-Identifier: BSD-3-Clause
dnl Copyright (c) 2026 the libvfio-user-client authors

dnl VUC_CHECK_KVM_GUEST
dnl Whether examples/kvm-monitor can be built: it is for Linux on x86-64, and its guest is 16-bit
dnl code in a flat file. Sets HAVE_KVM_GUEST and $vuc_kvm_guest, and VUC_GUEST_FLAGS, with which the
dnl compiler makes such a file.
AC_DEFUN([VUC_CHECK_KVM_GUEST], [
  VUC_GUEST_FLAGS="-m16 -nostdlib -static -Wl,--build-id=none,--oformat=binary"
  AC_SUBST([VUC_GUEST_FLAGS])
  AC_CACHE_CHECK([whether a KVM guest can be built], [vuc_cv_kvm_guest], [
    vuc_cv_kvm_guest=no
    AC_COMPILE_IFELSE([AC_LANG_SOURCE([[
#include <linux/kvm.h>
#if !defined __linux__ || !defined __x86_64__
# error not Linux on x86-64
#endif
int request = KVM_SET_GSI_ROUTING;
]])], [
      printf '.code16\n.text\nstart: movl (%%ebx), %%eax\n' >conftest-guest.S
      AS_IF([$CC $VUC_GUEST_FLAGS -Wl,-Ttext=0x1000,-e,start -o conftest-guest.bin \
               conftest-guest.S >&AS_MESSAGE_LOG_FD 2>&1 \
               && test "`wc -c <conftest-guest.bin`" -eq 4],
        [vuc_cv_kvm_guest=yes])
      rm -f conftest-guest.S conftest-guest.bin
    ])
  ])
  vuc_kvm_guest=$vuc_cv_kvm_guest
  AM_CONDITIONAL([HAVE_KVM_GUEST], [test "$vuc_kvm_guest" = yes])
])

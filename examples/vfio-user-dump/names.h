/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * What things are called, for people and in JSON.
 */

#ifndef NAMES_H
#define NAMES_H

#include <vfio-user-client/vfio-user-client.h>

/* One bit and its name; a table of them ends with a name of NULL. */
typedef struct
{
  guint32 flag;
  const char *name;
} FlagName;

extern const FlagName device_flag_names[];
extern const FlagName region_flag_names[];
extern const FlagName region_cap_names[];
extern const FlagName irq_flag_names[];
extern const FlagName io_fd_flag_names[];

/* Those names whose bit is set, with SEPARATOR between them. */
char *names_of_flags (const FlagName *names, guint32 flags, const char *separator);

/* Whether regions and interrupts are those of a PCI device. */
gboolean is_pci_device (VucDevice *device);

/* "BAR0" to "BAR5", "ROM", "config", "VGA"; INDEX is below VUC_PCI_NUM_REGIONS. */
const char *name_of_pci_region (guint32 index);

/* The same for any region of any device: "region 9". */
char *name_of_region (VucDevice *device, guint32 index);

/* "INTx", "MSI", "MSI-X", "ERR", "REQ", or "interrupt 5". */
char *name_of_irq (VucDevice *device, guint32 index);

/* "ioeventfd", "ioregionfd", "shadow ioeventfd". */
const char *name_of_io_fd_type (VucIoFdType type);

/* What kind of region type is meant by the number of a TYPE capability; NULL if we do not know. */
const char *name_of_region_type (guint32 type);

/* The file that an area lies in, by the number of the first area in the same file. */
guint number_of_file (const VucRegionInfo *info, guint area);

/* Exact, in the largest unit that divides it: "4 KiB", "1 byte". */
char *human_size (guint64 size);

/* All of it as one may send to a terminal: what is not printable becomes \xNN. */
char *printable (const char *text);

#endif /* NAMES_H */

/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Configuration space, decoded. It comes from the server, so nothing in it is trusted: reading past
 * its end yields all ones, as from an empty slot, and lists in it may loop.
 */

#ifndef PCI_H
#define PCI_H

#include <glib.h>

#define PCI_HEADER_SIZE         64
#define PCI_SPACE_SIZE          256
#define PCI_EXTENDED_SPACE_SIZE 4096
#define PCI_MAX_BARS            6

/* The bytes of a configuration space, little endian; what could not be read is all ones. */
typedef struct
{
  const guint8 *data;
  gsize size;
} PciSpace;

guint8 pci_get8 (const PciSpace *space, gsize offset);
guint16 pci_get16 (const PciSpace *space, gsize offset);
guint32 pci_get32 (const PciSpace *space, gsize offset);
guint64 pci_get64 (const PciSpace *space, gsize offset);

typedef enum
{
  PCI_BAR_MEMORY,
  PCI_BAR_PORT_IO,
  PCI_BAR_UPPER_HALF /* of the address of the BAR before */
} PciBarKind;

typedef struct
{
  PciBarKind kind;
  guint64 address;
  guint bits; /* of the address: 20, 32 or 64 */
  gboolean prefetchable;
} PciBar;

typedef struct
{
  guint offset;
  guint id;
  gboolean extended;
  char *title;        /* "MSI-X: Enable- Count=16 Masked-" */
  GPtrArray *details; /* of char *, more lines */
} PciCapability;

typedef struct
{
  guint16 vendor;
  guint16 device;
  guint16 command;
  guint16 status;
  guint32 class_code; /* base class, subclass, programming interface */
  guint8 revision;
  guint8 cache_line; /* in units of 4 bytes */
  guint8 latency;
  guint8 header_type;
  gboolean multi_function;
  guint8 interrupt_line;
  guint8 interrupt_pin; /* 0: none, 1: A, to 4: D */

  gboolean has_subsystem;
  guint16 subsystem_vendor;
  guint16 subsystem_device;

  guint n_bars;
  PciBar bars[PCI_MAX_BARS];
  gboolean has_rom;
  guint32 rom; /* the register as it is */

  GPtrArray *capabilities; /* of PciCapability *, in the order of their lists */
  char *list_error;        /* why a list of capabilities was not followed to its end, or NULL */
} PciFunction;

/* NULL if SPACE is shorter than a header. */
PciFunction *pci_function_new (const PciSpace *space);
void pci_function_free (PciFunction *function);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PciFunction, pci_function_free)

/* Follows the lists of capabilities, once the rest of FUNCTION is known. */
void pci_find_capabilities (PciFunction *function, const PciSpace *space);

/* A field of a register: one bit, shown as "Mem+" or "Mem-", or, with CHOICES, as "DEVSEL=fast". A
   table of them ends with a name of NULL. */
typedef struct
{
  guint32 mask;
  const char *name;
  const char *const *choices; /* as many as the field has values */
} PciField;

extern const PciField pci_command_fields[];
extern const PciField pci_status_fields[];

/* The fields of a register's VALUE with spaces between them. */
char *pci_fields (const PciField *fields, guint32 value);

/* The class's name, from the tables of the PCI specification; never NULL. */
const char *pci_class_name (guint32 class_code);

#endif /* PCI_H */

/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * Structures as text, for the printer: a structure is a list of fields.  Pure; any thread.
 */

#ifndef VUC_PRINT_FIELDS_H
#define VUC_PRINT_FIELDS_H

#include <glib.h>

typedef enum
{
  VUC_PRINT_DECIMAL,
  VUC_PRINT_HEX,
  VUC_PRINT_BITS,    /* hexadecimal, then the names of the bits that are set */
  VUC_PRINT_KIND,    /* the name of the value alone, if it has one; else decimal */
  VUC_PRINT_FD_INDEX /* decimal; all ones: none */
} VucPrintFormat;

/* One field.  A list has the order in which it reads best, and ends with a name of NULL. */
typedef struct
{
  const char *name;
  guint8 offset; /* from the beginning of the structure, in bytes */
  guint8 width;  /* 2, 4 or 8 bytes */
  VucPrintFormat format;
  const char *const *names; /* of the bits or values from 0 on; ends with NULL */
} VucPrintField;

#define VUC_FIELD_DECIMAL(name, offset, width)                                                     \
  {                                                                                                \
    name, offset, width, VUC_PRINT_DECIMAL, NULL                                                   \
  }
#define VUC_FIELD_HEX(name, offset, width)                                                         \
  {                                                                                                \
    name, offset, width, VUC_PRINT_HEX, NULL                                                       \
  }
#define VUC_FIELD_BITS(name, offset, names)                                                        \
  {                                                                                                \
    name, offset, 4, VUC_PRINT_BITS, names                                                         \
  }
#define VUC_FIELD_KIND(name, offset, names)                                                        \
  {                                                                                                \
    name, offset, 4, VUC_PRINT_KIND, names                                                         \
  }
#define VUC_FIELD_FD_INDEX(name, offset)                                                           \
  {                                                                                                \
    name, offset, 4, VUC_PRINT_FD_INDEX, NULL                                                      \
  }
#define VUC_FIELD_END                                                                              \
  {                                                                                                \
    NULL, 0, 0, VUC_PRINT_DECIMAL, NULL                                                            \
  }

/* Appends "region 7, offset 0x10, count 4".  A field that did not come whole is left out. */
void vuc_print_fields (GString *line, const VucPrintField *fields, const guint8 *bytes, gsize size);

#endif /* VUC_PRINT_FIELDS_H */

/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 the libvfio-user-client authors */

/*
 * VucConfig: what a caller sets before connecting.  Does not know what the settings do.  The
 * setters belong to one thread; references to any.
 */

#include "device/config.h"

#include "base/limits.h"

struct _VucConfig
{
  gint ref_count;
  VucSettings settings;
};

static const VucSettings defaults = {
  .timeout_ms = VUC_LIMIT_TIMEOUT_DEFAULT_MS,
  .long_timeout_ms = 0,
  .max_msg_fds = VUC_LIMIT_MSG_FDS,
  .max_write_size = VUC_LIMIT_WRITE_SIZE_DEFAULT,
  .max_regions = VUC_LIMIT_REGIONS_DEFAULT,
  .max_irqs = VUC_LIMIT_IRQS_DEFAULT,
  .max_irq_count = VUC_LIMIT_IRQ_COUNT_DEFAULT,
  .allow_unsealed_files = FALSE,
  .trace = NULL,
};

static VucTrace *
trace_ref (VucTrace *trace)
{
  if (trace != NULL)
    g_atomic_int_inc (&trace->ref_count);
  return trace;
}

static void
trace_unref (VucTrace *trace)
{
  if (trace == NULL || !g_atomic_int_dec_and_test (&trace->ref_count))
    return;
  if (trace->destroy != NULL)
    trace->destroy (trace->user_data);
  g_free (trace);
}

void
vuc_settings_init (VucSettings *settings, const VucConfig *config)
{
  *settings = config != NULL ? config->settings : defaults;
  trace_ref (settings->trace);
}

void
vuc_settings_clear (VucSettings *settings)
{
  trace_unref (settings->trace);
  settings->trace = NULL;
}

VucConfig *
vuc_config_new (void)
{
  VucConfig *config = g_new (VucConfig, 1);

  config->ref_count = 1;
  config->settings = defaults;
  return config;
}

VucConfig *
vuc_config_ref (VucConfig *config)
{
  g_return_val_if_fail (config != NULL, NULL);

  g_atomic_int_inc (&config->ref_count);
  return config;
}

void
vuc_config_unref (VucConfig *config)
{
  g_return_if_fail (config != NULL);

  if (!g_atomic_int_dec_and_test (&config->ref_count))
    return;
  vuc_settings_clear (&config->settings);
  g_free (config);
}

static gboolean
is_between (guint value, guint min, guint max)
{
  return value >= min && value <= max;
}

/* A number with its range: setter and getter. */
#define DEFINE_NUMBER(name, min, max)                                                              \
  void vuc_config_set_##name (VucConfig *config, guint name)                                       \
  {                                                                                                \
    g_return_if_fail (config != NULL);                                                             \
    g_return_if_fail (is_between (name, (min), (max)));                                            \
                                                                                                   \
    config->settings.name = name;                                                                  \
  }                                                                                                \
                                                                                                   \
  guint vuc_config_get_##name (const VucConfig *config)                                            \
  {                                                                                                \
    g_return_val_if_fail (config != NULL, defaults.name);                                          \
                                                                                                   \
    return config->settings.name;                                                                  \
  }

DEFINE_NUMBER (timeout_ms, 1, VUC_TIMEOUT_MAX_MS)
DEFINE_NUMBER (long_timeout_ms, 0, VUC_TIMEOUT_MAX_MS)
DEFINE_NUMBER (max_msg_fds, 1, VUC_LIMIT_MSG_FDS)
DEFINE_NUMBER (max_write_size, 8, VUC_LIMIT_WRITE_SIZE_MAX)
DEFINE_NUMBER (max_regions, 1, VUC_LIMIT_REGIONS_MAX)
DEFINE_NUMBER (max_irqs, 1, VUC_LIMIT_IRQS_MAX)
DEFINE_NUMBER (max_irq_count, 1, VUC_LIMIT_IRQ_COUNT_MAX)

void
vuc_config_set_allow_unsealed_files (VucConfig *config, gboolean allow)
{
  g_return_if_fail (config != NULL);

  config->settings.allow_unsealed_files = allow;
}

gboolean
vuc_config_get_allow_unsealed_files (const VucConfig *config)
{
  g_return_val_if_fail (config != NULL, FALSE);

  return config->settings.allow_unsealed_files;
}

void
vuc_config_set_message_func (VucConfig *config,
                             VucMessageFunc func,
                             gpointer user_data,
                             GDestroyNotify destroy)
{
  VucTrace *trace = NULL;

  g_return_if_fail (config != NULL);

  if (func != NULL)
    {
      trace = g_new (VucTrace, 1);
      *trace = (VucTrace){
        .ref_count = 1, .func = func, .user_data = user_data, .destroy = destroy
      };
    }
  else if (destroy != NULL)
    {
      destroy (user_data);
    }
  trace_unref (config->settings.trace);
  config->settings.trace = trace;
}

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
  .max_operations = VUC_LIMIT_OPERATIONS,
  .max_queued_bytes = VUC_LIMIT_QUEUED_BYTES_DEFAULT,
  .max_regions = VUC_LIMIT_REGIONS_DEFAULT,
  .max_irqs = VUC_LIMIT_IRQS_DEFAULT,
  .max_irq_count = VUC_LIMIT_IRQ_COUNT_DEFAULT,
  .reconnect_min_ms = VUC_LIMIT_RECONNECT_MIN_DEFAULT_MS,
  .reconnect_max_ms = VUC_LIMIT_RECONNECT_MAX_DEFAULT_MS,
  .allow_unsealed_files = FALSE,
  .twin_socket = TRUE,
  .auto_reconnect = FALSE,
  .reset_on_reconnect = FALSE,
  .pipeline_dma = FALSE,
  .posted_writes = FALSE,
  .poll_us = 0,
  .access_flags = VUC_ACCESS_ANY,
  .hooks = { NULL },
};

static VucHook *
hook_ref (VucHook *hook)
{
  if (hook != NULL)
    g_atomic_int_inc (&hook->ref_count);
  return hook;
}

static void
hook_unref (VucHook *hook)
{
  if (hook == NULL || !g_atomic_int_dec_and_test (&hook->ref_count))
    return;
  if (hook->destroy != NULL)
    hook->destroy (hook->user_data);
  g_free (hook);
}

void
vuc_settings_init (VucSettings *settings, const VucConfig *config)
{
  *settings = config != NULL ? config->settings : defaults;
  for (gsize i = 0; i < VUC_N_HOOKS; i++)
    hook_ref (settings->hooks[i]);
}

void
vuc_settings_clear (VucSettings *settings)
{
  for (gsize i = 0; i < VUC_N_HOOKS; i++)
    {
      hook_unref (settings->hooks[i]);
      settings->hooks[i] = NULL;
    }
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
DEFINE_NUMBER (max_operations, 1, VUC_LIMIT_OPERATIONS)
DEFINE_NUMBER (max_queued_bytes, VUC_LIMIT_QUEUED_BYTES_MIN, VUC_LIMIT_QUEUED_BYTES_MAX)
DEFINE_NUMBER (max_regions, 1, VUC_LIMIT_REGIONS_MAX)
DEFINE_NUMBER (max_irqs, 1, VUC_LIMIT_IRQS_MAX)
DEFINE_NUMBER (max_irq_count, 1, VUC_LIMIT_IRQ_COUNT_MAX)
DEFINE_NUMBER (reconnect_min_ms, 1, VUC_TIMEOUT_MAX_MS)
DEFINE_NUMBER (reconnect_max_ms, 1, VUC_TIMEOUT_MAX_MS)
DEFINE_NUMBER (poll_us, 0, VUC_LIMIT_POLL_US)

/* A switch: setter and getter. */
#define DEFINE_SWITCH(name)                                                           \
  void vuc_config_set_##name (VucConfig *config, gboolean on)                                  \
  {                                                                                                \
    g_return_if_fail (config != NULL);                                                             \
                                                                                                   \
    config->settings.name = on;                                                                 \
  }                                                                                                \
                                                                                                   \
  gboolean vuc_config_get_##name (const VucConfig *config)                                     \
  {                                                                                                \
    g_return_val_if_fail (config != NULL, defaults.name);                                       \
                                                                                                   \
    return config->settings.name;                                                               \
  }

DEFINE_SWITCH (allow_unsealed_files)
DEFINE_SWITCH (twin_socket)
DEFINE_SWITCH (auto_reconnect)
DEFINE_SWITCH (reset_on_reconnect)
DEFINE_SWITCH (pipeline_dma)
DEFINE_SWITCH (posted_writes)

void
vuc_config_set_access_flags (VucConfig *config, VucAccessFlags flags)
{
  g_return_if_fail (config != NULL);
  g_return_if_fail ((flags & ~(guint) VUC_ACCESS_MESSAGE_ONLY) == 0);

  config->settings.access_flags = flags;
}

VucAccessFlags
vuc_config_get_access_flags (const VucConfig *config)
{
  g_return_val_if_fail (config != NULL, defaults.access_flags);

  return config->settings.access_flags;
}

static void
set_hook (VucConfig *config,
          VucHookKind kind,
          VucHookFunc func,
          gpointer user_data,
          GDestroyNotify destroy)
{
  VucHook *hook = NULL;

  if (func != NULL)
    {
      hook = g_new (VucHook, 1);
      *hook = (VucHook){ .ref_count = 1, .func = func, .user_data = user_data, .destroy = destroy };
    }
  else if (destroy != NULL)
    {
      destroy (user_data);
    }
  hook_unref (config->settings.hooks[kind]);
  config->settings.hooks[kind] = hook;
}

/* A function of the user's: its setter. */
#define DEFINE_HOOK(name, kind, Type)                                                              \
  void vuc_config_set_##name (VucConfig *config, Type func, gpointer user_data,                    \
                              GDestroyNotify destroy)                                              \
  {                                                                                                \
    g_return_if_fail (config != NULL);                                                             \
                                                                                                   \
    set_hook (config, kind, (VucHookFunc) func, user_data, destroy);                                \
  }

DEFINE_HOOK (message_func, VUC_HOOK_MESSAGE, VucMessageFunc)
DEFINE_HOOK (reopen_func, VUC_HOOK_REOPEN, VucReopenFunc)
DEFINE_HOOK (event_func, VUC_HOOK_EVENT, VucEventFunc)

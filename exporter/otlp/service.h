// SPDX-License-Identifier: Apache-2.0
/* service.h - a service's name where nobody has set one: from its systemd unit, else from the
 * command that it was started with. Pure.
 *
 * A name is what a person gave to a unit, a script, a module or an archive. What thousands have
 * (index.js, main.py) is passed over for the folder's name, and what a machine made up (temporary
 * files, transient units) for none; so are runners, which run many services (gunicorn, cron). No
 * other argument of a command is looked at: they carry passwords. */
#ifndef EXPORTER_SERVICE_H
#define EXPORTER_SERVICE_H

#include <stdbool.h>

#include "agent/base/slice.h"

#define SERVICE_NAME_BYTES 64

struct service {
    char name[SERVICE_NAME_BYTES]; /* "" : none */
    const char *source;            /* "the systemd unit", "the script" */
};

/* The unit in the text of /proc/self/cgroup. Not where a container, a session or a runner of other
 * programs is what it shows. */
void service_from_cgroup(struct service *service, struct slice text);

/* The command's words. `folder`: where it was started; `application`: what FLASK_APP says. Both may
 * be NULL. */
void service_from_command(struct service *service, const char *const *words, int count,
                          const char *folder, const char *application);

/* Whether the command is that of a process which Python's multiprocessing made: its parent's says
 * more. */
bool service_is_pythons_child(const char *const *words, int count);

/* The pieces that the command (service.c) and the unit (service_unit.c) are judged by:
 * service_name.c. */

/* Sets the name from a path's last part or the part of it that says something: a file, or where
 * that says nothing a folder. False: neither does. */
bool service_take_path(struct service *service, struct slice path, const char *folder,
                       const char *source);
bool service_take_folder(struct service *service, const char *folder);

/* From the folders that a path names; from those that it is relative to where it names none that
 * says anything. */
bool service_take_folder_of(struct service *service, struct slice path, const char *folder);

/* From a module, an object in which may follow: shop.main:app. */
bool service_take_module(struct service *service, struct slice module, const char *folder);

/* From a jar's path: without its version. */
bool service_take_jar(struct service *service, struct slice path, const char *folder);

/* From a name that is not a path. False where it can't be one: it is longer than fits, or holds
 * what a name has not, or looks made up. */
bool service_take(struct service *service, struct slice name, const char *source);

/* Whether the word is one of the list's, which are separated by spaces and stand between two. */
bool service_is_one_of(struct slice word, const char *list);

/* Takes the last part off a path, and returns it. */
struct slice service_last_part(struct slice *path);

#endif

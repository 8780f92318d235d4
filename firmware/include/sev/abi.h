/**
 * @file
 * The SEV application binary interface in one include.
 */
#ifndef SEV_ABI_H
#define SEV_ABI_H

#include "sev/boot.h"
#include "sev/cert.h"
#include "sev/command.h"
#include "sev/mailbox.h"
#include "sev/status.h"

#endif

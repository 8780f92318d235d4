/* The mailbox protocol, as the Linux ccp driver speaks it. */
#include "cbit/workloads/spdriver.h"

#include <stdlib.h>

#include "cbit/sp/config.h"
#include "sev/abi.h"

const cbit_row_t cbit_spdriver_config_rows[] = {
    {CBIT_FIELD(BOOL, cbit_spdriver_config_t, interrupt), .fallback = 1,
     .source = "Linux ccp driver: interrupt unless in panic",
     .help = "Wait for the SP's completion interrupt instead of polling"},
    {CBIT_FIELD(PS, cbit_spdriver_config_t, poll_ns), .unit = "ns", .min = 1000,
     .max = UINT64_C(1000000000000), .fallback = 10000000,
     .source = "Linux ccp driver: 10 us between two reads in panic",
     .help = "Time between two reads of CmdResp when polling"},
    {CBIT_FIELD(PS, cbit_spdriver_config_t, mmio_write_ns), .unit = "ns", .min = 1000,
     .max = 1000000000, .fallback = 100000, .source = "assumed: posted write to an on-die function",
     .help = "One write to a register of the SP"},
    {CBIT_FIELD(PS, cbit_spdriver_config_t, mmio_read_ns), .unit = "ns", .min = 1000,
     .max = 1000000000, .fallback = 500000,
     .source = "assumed: round trip to an on-die PCI function",
     .help = "One read of a register of the SP"},
    {CBIT_FIELD(PS, cbit_spdriver_config_t, interrupt_ns), .unit = "ns", .max = 1000000000,
     .fallback = 1000000, .source = "assumed: MSI delivery and handler entry",
     .help = "From the SP's interrupt to its handler"},
    {CBIT_FIELD(PS, cbit_spdriver_config_t, timeout_ns), .unit = "ns",
     .fallback = UINT64_C(100000000000000), .max = UINT64_C(1000000000000000),
     .source = "Linux ccp driver: 100 s", .help = "Give up a command after this time; 0: never"},
    {.key = NULL},
};

/* What the driver does next, when its event fires. */
typedef enum step {
    STEP_IDLE,
    STEP_PROBE_ENABLE, /* INTSTS is cleared: enable interrupts */
    STEP_WRITE_LO,
    STEP_WRITE_HI,
    STEP_RING,
    STEP_WAIT_INTERRUPT,
    STEP_HANDLER,     /* the handler runs: read INTSTS */
    STEP_READ_ANSWER, /* a read of CmdResp has come back */
    STEP_ACKNOWLEDGE, /* write INTSTS back */
    STEP_DONE,
} step_t;

struct cbit_spdriver {
    cbit_spdriver_config_t config;
    cbit_kernel_t *kernel;
    cbit_sp_t *sp;
    cbit_spdriver_request_t *head, *tail; /* head is in the mailbox */
    step_t step;
    cbit_event_t event, timeout_event;
    uint32_t intsts, cmdresp;
    bool probed, timed_out;
};

static uint32_t offset_of(const cbit_spdriver_t *driver, uint32_t v1, uint32_t v2)
{
    return driver->config.mailbox == CBIT_SP_MAILBOX_V1 ? v1 : v2;
}

#define OFFSET(driver, name) offset_of((driver), SEV_MAILBOX_V1_##name, SEV_MAILBOX_V2_##name)

static uint32_t reg_read(const cbit_spdriver_t *driver, uint32_t offset)
{
    return cbit_sp_mmio_read(driver->sp, offset);
}

/* A write takes effect at once and keeps the processor busy for its time. */
static void reg_write(cbit_spdriver_t *driver, uint32_t offset, uint32_t value, step_t next)
{
    cbit_sp_mmio_write(driver->sp, offset, value);
    driver->step = next;
    cbit_event_notify_at(driver->kernel, &driver->event,
                         cbit_kernel_now_ps(driver->kernel) + driver->config.mmio_write_ns);
}

/* After `span`, the next step. */
static void after(cbit_spdriver_t *driver, cbit_ps_t span_ps, step_t next)
{
    driver->step = next;
    cbit_event_notify_at(driver->kernel, &driver->event,
                         cbit_kernel_now_ps(driver->kernel) + span_ps);
}

static void start_next(cbit_spdriver_t *driver)
{
    if (driver->head == NULL) {
        driver->step = STEP_IDLE;
        return;
    }
    after(driver, 0, STEP_WRITE_LO);
}

static void finish(cbit_spdriver_t *driver, uint32_t status)
{
    cbit_spdriver_request_t *request = driver->head;
    cbit_event_cancel(driver->kernel, &driver->timeout_event);
    driver->head = request->next;
    if (driver->head == NULL) {
        driver->tail = NULL;
    }
    request->status = status;
    request->done_ps = cbit_kernel_now_ps(driver->kernel);
    driver->step = STEP_IDLE;
    start_next(driver);
    request->done(request->self, request);
}

static void ring(cbit_spdriver_t *driver)
{
    cbit_spdriver_request_t *request = driver->head;
    request->rung_ps = cbit_kernel_now_ps(driver->kernel);
    uint32_t value = (request->command & SEV_CMDRESP_ID_MASK) << SEV_CMDRESP_ID_SHIFT |
                     (driver->config.interrupt ? SEV_CMDRESP_IOC : 0);
    if (driver->config.timeout_ns != 0) {
        cbit_event_notify_at(driver->kernel, &driver->timeout_event,
                             request->rung_ps + driver->config.timeout_ns);
    }
    cbit_sp_mmio_write(driver->sp, OFFSET(driver, CMDRESP), value);
    if (driver->config.interrupt) {
        driver->step = STEP_WAIT_INTERRUPT;
    } else {
        after(driver, driver->config.mmio_write_ns + driver->config.poll_ns, STEP_READ_ANSWER);
    }
}

static void read_answer(cbit_spdriver_t *driver)
{
    driver->cmdresp = reg_read(driver, OFFSET(driver, CMDRESP));
    bool done = (driver->cmdresp & SEV_CMDRESP_RESPONSE) != 0;
    if (driver->config.interrupt) {
        /* The handler acknowledges whatever it found; without an answer it keeps waiting. */
        after(driver, driver->config.mmio_read_ns, STEP_ACKNOWLEDGE);
    } else {
        after(driver,
              done ? driver->config.mmio_read_ns
                   : driver->config.mmio_read_ns + driver->config.poll_ns,
              done ? STEP_DONE : STEP_READ_ANSWER);
    }
}

static void on_step(void *self)
{
    cbit_spdriver_t *driver = self;
    switch (driver->step) {
    case STEP_PROBE_ENABLE:
        driver->probed = true;
        cbit_sp_mmio_write(driver->sp, OFFSET(driver, INTEN), UINT32_MAX);
        after(driver, driver->config.mmio_write_ns, STEP_IDLE);
        break;
    case STEP_IDLE:
        start_next(driver);
        break;
    case STEP_WRITE_LO:
        reg_write(driver, OFFSET(driver, ADDR_LO), (uint32_t)driver->head->buffer_spa,
                  STEP_WRITE_HI);
        break;
    case STEP_WRITE_HI:
        reg_write(driver, OFFSET(driver, ADDR_HI), (uint32_t)(driver->head->buffer_spa >> 32),
                  STEP_RING);
        break;
    case STEP_RING:
        ring(driver);
        break;
    case STEP_HANDLER:
        driver->intsts = reg_read(driver, OFFSET(driver, INTSTS));
        after(driver, driver->config.mmio_read_ns, STEP_READ_ANSWER);
        break;
    case STEP_READ_ANSWER:
        read_answer(driver);
        break;
    case STEP_ACKNOWLEDGE:
        reg_write(driver, OFFSET(driver, INTSTS), driver->intsts,
                  (driver->cmdresp & SEV_CMDRESP_RESPONSE) != 0 ? STEP_DONE : STEP_WAIT_INTERRUPT);
        break;
    case STEP_DONE:
        finish(driver, driver->cmdresp & SEV_CMDRESP_STATUS_MASK);
        break;
    case STEP_WAIT_INTERRUPT:
        break;
    }
}

static void on_timeout(void *self)
{
    cbit_spdriver_t *driver = self;
    cbit_event_cancel(driver->kernel, &driver->event);
    driver->timed_out = true; /* as Linux: the SP is taken for dead, nothing is sent any more */
    while (driver->head != NULL) {
        cbit_spdriver_request_t *request = driver->head;
        driver->head = request->next;
        request->status = CBIT_SPDRIVER_NO_ANSWER;
        request->done_ps = cbit_kernel_now_ps(driver->kernel);
        request->done(request->self, request);
    }
    driver->tail = NULL;
    driver->step = STEP_IDLE;
}

cbit_err_t cbit_spdriver_create(const cbit_spdriver_config_t *config, cbit_kernel_t *kernel,
                                cbit_sp_t *sp, cbit_spdriver_t **out, cbit_diag_t *diag)
{
    cbit_spdriver_t *driver = calloc(1, sizeof *driver);
    if (driver == NULL) {
        return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "no memory for the SP's driver");
    }
    driver->config = *config;
    driver->kernel = kernel;
    driver->sp = sp;
    cbit_event_init(&driver->event, on_step, driver);
    cbit_event_init(&driver->timeout_event, on_timeout, driver);
    /* The probe: interrupts off, old ones forgotten, interrupts on. */
    cbit_sp_mmio_write(sp, OFFSET(driver, INTEN), 0);
    reg_write(driver, OFFSET(driver, INTSTS), UINT32_MAX, STEP_PROBE_ENABLE);
    *out = driver;
    return CBIT_ERR_OK;
}

void cbit_spdriver_destroy(cbit_spdriver_t *driver)
{
    if (driver != NULL) {
        cbit_event_cancel(driver->kernel, &driver->event);
        cbit_event_cancel(driver->kernel, &driver->timeout_event);
        free(driver);
    }
}

void cbit_spdriver_submit(cbit_spdriver_t *driver, cbit_spdriver_request_t *request)
{
    request->next = NULL;
    request->submitted_ps = cbit_kernel_now_ps(driver->kernel);
    if (driver->tail != NULL) {
        driver->tail->next = request;
    } else {
        driver->head = request;
    }
    driver->tail = request;
    if (driver->timed_out) {
        cbit_event_notify_at(driver->kernel, &driver->timeout_event, request->submitted_ps);
    } else if (driver->step == STEP_IDLE && !cbit_event_pending(&driver->event)) {
        start_next(driver);
    }
}

void cbit_spdriver_interrupt(cbit_spdriver_t *driver)
{
    if (driver->config.interrupt && driver->step == STEP_WAIT_INTERRUPT) {
        after(driver, driver->config.interrupt_ns, STEP_HANDLER);
    }
}

bool cbit_spdriver_idle(const cbit_spdriver_t *driver)
{
    return driver->head == NULL;
}

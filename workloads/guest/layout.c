/* Where everything is in the guest's physical memory, and the launch image that follows from it. */
#include <inttypes.h>
#include <stdlib.h>

#include "workloads/guest/state.h"
#include "workloads/traffic/shuffle.h"

enum {
    MIN_MEMORY_BYTES = 4 << 20,
    POOL_UNIT_BYTES = CBIT_SWIOTLB_SLOT_BYTES * CBIT_SWIOTLB_SEGMENT_SLOTS,
    POOL_UNUSED_BYTES = 2 * POOL_UNIT_BYTES, /* of a guest without I/O */
    POOL_PERCENT = 6,                        /* Linux: sev_setup_arch */
    POOL_MIN_BYTES = 64 << 20,
    POOL_MAX_BYTES = 1 << 30,
    POOL_MOST_OF_MEMORY = 8, /* a guest too small for Linux's least pool gives an eighth */
};

/* ---- areas ---- */

/* Appends `pages` pages of one use, gva and gpa ascending; *gpa moves behind them. */
static bool add_area(cbit_guest_t *guest, cbit_guest_use_t use, cbit_gva_t gva, uint64_t pages,
                     cbit_gpa_t *gpa)
{
    for (uint64_t i = 0; i < pages; i++) {
        if (cbit_guest_pages_add(&guest->pages, use, gva + i * CBIT_PAGE_BYTES, *gpa) == NULL) {
            return false;
        }
        *gpa += CBIT_PAGE_BYTES;
    }
    return true;
}

static bool reserve_area(cbit_guest_t *guest, cbit_gva_t gva, uint64_t pages)
{
    bool done = true;
    for (uint64_t i = 0; i < pages && done; i++) {
        done = cbit_guest_tables_reserve(&guest->tables, gva + i * CBIT_PAGE_BYTES);
    }
    return done;
}

static cbit_err_t no_memory(cbit_diag_t *diag)
{
    return cbit_diag_add(diag, CBIT_ERR_NO_MEMORY, NULL, "out of memory");
}

static cbit_err_t too_small(const cbit_guest_t *guest, uint64_t pages, cbit_diag_t *diag)
{
    return cbit_diag_add_below(diag, CBIT_ERR_RANGE, guest->config.where, "memory",
                               "the guest needs at least %" PRIu64
                               " pages of memory for its kernel, its page tables and its program; "
                               "it has %" PRIu64,
                               pages, guest->config.memory_bytes / CBIT_PAGE_BYTES);
}

static uint64_t ghcbs_of(const cbit_guest_t *guest)
{
    return guest->config.encrypted_state ? guest->config.vcpus : 0;
}

/* Of all vCPUs' buffers of one kind. */
static uint64_t io_pages_of(const cbit_guest_t *guest)
{
    return guest->buffer_bytes / CBIT_PAGE_BYTES * guest->config.io.depth * guest->config.vcpus;
}

/* Sparse addresses can need three tables for each page, so the sum is looked at all the time. */
static cbit_err_t reserve_tables(cbit_guest_t *guest, cbit_diag_t *diag)
{
    uint64_t io_pages = io_pages_of(guest);
    uint64_t heads = io_pages > 0 ? guest->config.vcpus : 0;
    bool done = reserve_area(guest, CBIT_GUEST_BOOT_GPA, 1) &&
                reserve_area(guest, CBIT_GUEST_TEXT_GVA, 2) &&
                reserve_area(guest, CBIT_GUEST_RING_GVA,
                             (uint64_t)guest->config.vcpus * CBIT_GUEST_QUEUES) &&
                reserve_area(guest, CBIT_GUEST_GHCB_GVA, ghcbs_of(guest)) &&
                reserve_area(guest, CBIT_GUEST_CONVERT_GVA, guest->config.converts) &&
                reserve_area(guest, CBIT_GUEST_SECRET_GVA, guest->config.secret) &&
                reserve_area(guest, CBIT_GUEST_HEADS_PRIVATE_GVA, heads) &&
                reserve_area(guest, CBIT_GUEST_HEADS_SHARED_GVA, heads) &&
                reserve_area(guest, CBIT_GUEST_SWIOTLB_GVA,
                             guest->config.swiotlb_bytes / CBIT_PAGE_BYTES) &&
                reserve_area(guest, CBIT_GUEST_IO_PRIVATE_GVA, io_pages) &&
                reserve_area(guest, CBIT_GUEST_IO_SHARED_GVA, io_pages);
    for (uint32_t i = 0; i < guest->pages.count && done; i++) {
        uint64_t pages = (uint64_t)guest->pages.count + guest->tables.blob.pages;
        if (pages > guest->config.memory_bytes / CBIT_PAGE_BYTES) {
            return too_small(guest, pages, diag);
        }
        done = cbit_guest_tables_reserve(&guest->tables, guest->pages.items[i].gva);
    }
    /* The kernel maps its tables, those that this takes included. */
    for (uint32_t i = 0; i < guest->tables.blob.pages && done; i++) {
        done = reserve_area(guest, CBIT_GUEST_TABLES_GVA + (cbit_gva_t)i * CBIT_PAGE_BYTES, 1);
    }
    return done ? CBIT_ERR_OK : no_memory(diag);
}

/* The kernel's own pages, behind those of the program in the list. */
static bool add_kernel(cbit_guest_t *guest, cbit_gpa_t *gpa)
{
    uint64_t io_pages = io_pages_of(guest);
    uint64_t heads = io_pages > 0 ? guest->config.vcpus : 0;
    *gpa = CBIT_GUEST_BOOT_GPA;
    bool done =
        add_area(guest, CBIT_GUEST_USE_BOOT, CBIT_GUEST_BOOT_GPA, 1, gpa) &&
        add_area(guest, CBIT_GUEST_USE_TEXT, CBIT_GUEST_TEXT_GVA, 1, gpa) &&
        add_area(guest, CBIT_GUEST_USE_STACK, CBIT_GUEST_STACK_GVA, 1, gpa) &&
        add_area(guest, CBIT_GUEST_USE_TABLE, CBIT_GUEST_TABLES_GVA, guest->tables.blob.pages, gpa);
    guest->ring_gpa = *gpa;
    done = done && add_area(guest, CBIT_GUEST_USE_RING, CBIT_GUEST_RING_GVA,
                            (uint64_t)guest->config.vcpus * CBIT_GUEST_QUEUES, gpa);
    guest->ghcb_gpa = *gpa;
    done = done && add_area(guest, CBIT_GUEST_USE_GHCB, CBIT_GUEST_GHCB_GVA, ghcbs_of(guest), gpa);
    done = done && add_area(guest, CBIT_GUEST_USE_CONVERT, CBIT_GUEST_CONVERT_GVA,
                            guest->config.converts, gpa);
    cbit_gpa_t last = guest->config.memory_bytes - CBIT_PAGE_BYTES;
    done = done && add_area(guest, CBIT_GUEST_USE_SECRET, CBIT_GUEST_SECRET_GVA,
                            guest->config.secret, &last);
    guest->heads_private_gpa = *gpa;
    done = done &&
           add_area(guest, CBIT_GUEST_USE_HEADS_PRIVATE, CBIT_GUEST_HEADS_PRIVATE_GVA, heads, gpa);
    guest->heads_shared_gpa = *gpa;
    done = done &&
           add_area(guest, CBIT_GUEST_USE_HEADS_SHARED, CBIT_GUEST_HEADS_SHARED_GVA, heads, gpa);
    guest->swiotlb_gpa = *gpa;
    done = done && add_area(guest, CBIT_GUEST_USE_SWIOTLB, CBIT_GUEST_SWIOTLB_GVA,
                            guest->config.swiotlb_bytes / CBIT_PAGE_BYTES, gpa);
    guest->io_private_gpa = *gpa;
    done = done &&
           add_area(guest, CBIT_GUEST_USE_IO_PRIVATE, CBIT_GUEST_IO_PRIVATE_GVA, io_pages, gpa);
    guest->io_shared_gpa = *gpa;
    return done &&
           add_area(guest, CBIT_GUEST_USE_IO_SHARED, CBIT_GUEST_IO_SHARED_GVA, io_pages, gpa);
}

/* ---- the image ---- */

static void set_launched(cbit_guest_t *guest)
{
    cbit_gpa_t program_gpa = UINT64_MAX;
    for (uint32_t i = 0; i < guest->pages.count; i++) {
        cbit_guest_page_t *page = &guest->pages.items[i];
        if (page->use == CBIT_GUEST_USE_BOOT) {
            page->launched = guest->boot;
        } else if (page->use == CBIT_GUEST_USE_TEXT) {
            page->launched = guest->text;
        } else if (page->use == CBIT_GUEST_USE_TABLE) {
            page->launched = guest->tables.blob.bytes + (page->gpa - CBIT_GUEST_TABLES_GPA);
        } else if (page->use == CBIT_GUEST_USE_PROGRAM) {
            program_gpa = page->gpa < program_gpa ? page->gpa : program_gpa;
            page->launched = guest->program_bytes.bytes + (page->gpa - program_gpa);
        }
        guest->stats.pages_private += page->is_private;
        guest->stats.pages_shared += !page->is_private;
    }
}

static void add_piece(cbit_guest_t *guest, const char *name, cbit_gpa_t gpa, const uint8_t *bytes,
                      uint64_t pages)
{
    if (pages > 0) {
        guest->pieces[guest->piece_count++] = (cbit_guest_piece_t){
            .gpa = gpa, .len_bytes = pages * CBIT_PAGE_BYTES, .bytes = bytes, .name = name};
    }
}

static void build_image(cbit_guest_t *guest, cbit_gpa_t program_gpa)
{
    for (uint32_t i = 0; i < guest->pages.count; i++) {
        if (guest->pages.items[i].use != CBIT_GUEST_USE_DATA) {
            cbit_guest_tables_map(&guest->tables, &guest->pages.items[i]);
        }
    }
    cbit_guest_fill_boot(guest->boot, CBIT_GUEST_TABLES_GPA,
                         CBIT_GUEST_TABLES_GPA | guest->tables.c_mask);
    cbit_guest_fill_text(guest->text);
    set_launched(guest);
    add_piece(guest, "boot", CBIT_GUEST_BOOT_GPA, guest->boot, 1);
    add_piece(guest, "kernel", CBIT_GUEST_TEXT_GPA, guest->text, 1);
    add_piece(guest, "page tables", CBIT_GUEST_TABLES_GPA, guest->tables.blob.bytes,
              guest->tables.blob.pages);
    add_piece(guest, "program", program_gpa, guest->program_bytes.bytes,
              guest->program_bytes.pages);
}

/* ---- all of it ---- */

/* Frames for what the source touches: program pages in a row, data pages in a seeded order. */
static cbit_err_t place_touched(cbit_guest_t *guest, uint32_t touched, cbit_gpa_t gpa,
                                cbit_diag_t *diag)
{
    uint32_t program = guest->program_bytes.pages;
    uint64_t limit =
        guest->config.memory_bytes - (guest->config.secret ? (uint64_t)CBIT_PAGE_BYTES : 0);
    uint64_t needed = gpa + (uint64_t)touched * CBIT_PAGE_BYTES;
    if (needed > limit) {
        return too_small(guest, needed / CBIT_PAGE_BYTES, diag);
    }
    for (uint32_t i = 0; i < program; i++) {
        guest->pages.items[i].gpa = gpa + (cbit_gpa_t)i * CBIT_PAGE_BYTES;
    }
    gpa += (cbit_gpa_t)program * CBIT_PAGE_BYTES;
    cbit_shuffle_t shuffle;
    cbit_shuffle_init(&shuffle, (limit - gpa) / CBIT_PAGE_BYTES, guest->config.seed);
    for (uint32_t i = program; i < touched; i++) {
        guest->pages.items[i].gpa = gpa + cbit_shuffle_at(&shuffle, i - program) * CBIT_PAGE_BYTES;
    }
    return CBIT_ERR_OK;
}

/* As Linux sizes the pool of an SEV guest: 6 % of its memory within 64 MiB and 1 GiB. */
static uint64_t usual_pool(const cbit_guest_config_t *config)
{
    uint64_t most = config->memory_bytes / POOL_MOST_OF_MEMORY / POOL_UNIT_BYTES * POOL_UNIT_BYTES;
    uint64_t bytes = config->memory_bytes / 100 * POOL_PERCENT / POOL_UNIT_BYTES * POOL_UNIT_BYTES;
    bytes = bytes < POOL_MIN_BYTES ? POOL_MIN_BYTES : bytes;
    bytes = bytes > POOL_MAX_BYTES ? POOL_MAX_BYTES : bytes;
    bytes = bytes > most ? most : bytes;
    return config->io.every_instructions == 0 && config->io_room_bytes == 0 ? POOL_UNUSED_BYTES
                                                                            : bytes;
}

cbit_err_t cbit_guest_check_config(cbit_guest_config_t *config, cbit_diag_t *diag)
{
    if (config->swiotlb_bytes == 0) {
        config->swiotlb_bytes = usual_pool(config);
    }
    if (config->io.every_instructions == 0) {
        config->io = (cbit_guest_io_load_t){.access_platform = true};
    }
    config->io.depth = config->io.depth == 0 ? 1 : config->io.depth;
    config->vcpus = config->vcpus == 0 ? 1 : config->vcpus;
    if (config->instructions_per_cclk == 0) {
        config->instructions_per_cclk = 2;
    }
    if (config->vcpus > CBIT_GUEST_MAX_VCPUS) {
        return cbit_diag_add_below(diag, CBIT_ERR_RANGE, config->where, "vcpus",
                                   "%u vCPUs are more than %d", config->vcpus,
                                   CBIT_GUEST_MAX_VCPUS);
    }
    if (config->memory_bytes % CBIT_PAGE_BYTES != 0 || config->memory_bytes < MIN_MEMORY_BYTES) {
        return cbit_diag_add_below(diag, CBIT_ERR_RANGE, config->where, "memory",
                                   "%" PRIu64 " bytes of guest memory are not a multiple of 4 KiB, "
                                   "at least 4 MiB",
                                   config->memory_bytes);
    }
    if (config->io.every_instructions != 0 &&
        (config->io.bytes < CBIT_LINE_BYTES || config->io.bytes > CBIT_GUEST_IO_MAX_BYTES ||
         config->io.bytes % CBIT_LINE_BYTES != 0)) {
        return cbit_diag_add_below(diag, CBIT_ERR_RANGE, config->where, "io/bytes",
                                   "transfers of %" PRIu64 " bytes are not a multiple of 64 in "
                                   "64..262144",
                                   config->io.bytes);
    }
    if (config->swiotlb_bytes % POOL_UNIT_BYTES != 0 || config->swiotlb_bytes == 0 ||
        config->swiotlb_bytes > POOL_MAX_BYTES ||
        config->swiotlb_bytes > config->memory_bytes / 2) {
        return cbit_diag_add_below(diag, CBIT_ERR_RANGE, config->where, "swiotlb",
                                   "a bounce buffer of %" PRIu64
                                   " bytes is not a multiple of 256 KiB, at "
                                   "most 1 GiB and half of the guest's memory",
                                   config->swiotlb_bytes);
    }
    return CBIT_ERR_OK;
}

/* Without VIRTIO_F_ACCESS_PLATFORM a driver allocates its rings as any other memory. */
static void make_rings_private(cbit_guest_t *guest)
{
    for (uint32_t i = 0; i < guest->pages.count; i++) {
        cbit_guest_page_t *page = &guest->pages.items[i];
        page->is_private = page->is_private || page->use == CBIT_GUEST_USE_RING;
    }
}

cbit_err_t cbit_guest_lay_out(cbit_guest_t *guest, cbit_diag_t *diag)
{
    uint32_t touched = guest->pages.count;
    uint64_t room = guest->config.io.bytes > guest->config.io_room_bytes
                        ? guest->config.io.bytes
                        : guest->config.io_room_bytes;
    guest->buffer_bytes = (room + CBIT_PAGE_BYTES - 1) / CBIT_PAGE_BYTES * CBIT_PAGE_BYTES;
    cbit_gpa_t gpa = 0;
    bool aware = guest->config.encrypted && !guest->config.unaware;
    guest->tables.c_mask = aware ? UINT64_C(1) << guest->config.c_bit : 0;
    cbit_err_t err = reserve_tables(guest, diag);
    if (err == CBIT_ERR_OK && !add_kernel(guest, &gpa)) {
        err = no_memory(diag);
    }
    if (err == CBIT_ERR_OK) {
        err = place_touched(guest, touched, gpa, diag);
    }
    if (err != CBIT_ERR_OK) {
        return err;
    }
    if (!cbit_guest_pages_index(&guest->pages)) {
        return no_memory(diag);
    }
    if (!guest->config.io.access_platform) {
        make_rings_private(guest);
    }
    build_image(guest, gpa);
    return CBIT_ERR_OK;
}

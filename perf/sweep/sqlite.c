/* The table as one SQLite file. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cbit/perf/sweep.h"

static void put_name(cbit_text_t *sql, const char *name)
{
    cbit_text_add(sql, ", \"");
    for (; *name != '\0'; name++) {
        cbit_text_put(sql, "\"\"", *name == '"' ? 2 : 0);
        cbit_text_put(sql, name, *name == '"' ? 0 : 1);
    }
    cbit_text_put(sql, "\"", 1);
}

/* CREATE TABLE, or INSERT with one '?' a column. Columns without a type: NUMERIC, so that numbers
   are kept as such. SQLite's own limit of 2000 columns is above ours. */
static char *statement(const cbit_sweep_t *sweep, bool create)
{
    cbit_text_t sql = {0};
    cbit_text_add(&sql, create ? "CREATE TABLE runs (\"run\" INTEGER PRIMARY KEY"
                               : "INSERT INTO runs VALUES (?");
    uint32_t columns = 4 + sweep->axes_count + sweep->figures_count;
    for (uint32_t i = 0; !create && i < columns; i++) {
        cbit_text_add(&sql, ", ?");
    }
    if (create) {
        cbit_text_add(&sql, ", \"point\" INTEGER, \"seed\" INTEGER");
        for (uint32_t a = 0; a < sweep->axes_count; a++) {
            put_name(&sql, sweep->axes[a].pointer);
            cbit_text_add(&sql, " NUMERIC");
        }
        for (uint32_t f = 0; f < sweep->figures_count; f++) {
            put_name(&sql, sweep->figures[f]);
            cbit_text_add(&sql, " NUMERIC");
        }
        cbit_text_add(&sql, ", \"expectations_failed\" INTEGER, \"error\" TEXT");
    }
    cbit_text_add(&sql, ")");
    return cbit_text_take(&sql);
}

static void bind_text(sqlite3_stmt *insert, int column, const char *text)
{
    if (text == NULL) {
        (void)sqlite3_bind_null(insert, column);
    } else {
        (void)sqlite3_bind_text(insert, column, text, -1, SQLITE_STATIC);
    }
}

static bool insert_run(const cbit_sweep_table_t *table, uint32_t run, sqlite3_stmt *insert)
{
    const cbit_sweep_t *sweep = table->sweep;
    const cbit_sweep_record_t *record = &table->records[run];
    uint32_t point = run / sweep->repeats;
    int column = 1;
    (void)sqlite3_bind_int64(insert, column++, run);
    (void)sqlite3_bind_int64(insert, column++, point);
    (void)sqlite3_bind_int64(insert, column++, (sqlite3_int64)cbit_sweep_seed(sweep, run));
    for (uint32_t a = 0; a < sweep->axes_count; a++) {
        bind_text(insert, column++, cbit_sweep_value(sweep, point, a));
    }
    for (uint32_t f = 0; f < sweep->figures_count; f++) {
        bind_text(insert, column++, record->figures == NULL ? NULL : record->figures[f]);
    }
    if (record->error != NULL) {
        (void)sqlite3_bind_null(insert, column++);
    } else {
        (void)sqlite3_bind_int64(insert, column++, record->unmet);
    }
    bind_text(insert, column, record->error);
    return sqlite3_step(insert) == SQLITE_DONE && sqlite3_reset(insert) == SQLITE_OK;
}

static bool fill(const cbit_sweep_table_t *table, sqlite3 *base)
{
    sqlite3_stmt *insert = NULL;
    char *create_sql = statement(table->sweep, true), *insert_sql = statement(table->sweep, false);
    bool ok = create_sql != NULL && insert_sql != NULL &&
              sqlite3_exec(base, "BEGIN", NULL, NULL, NULL) == SQLITE_OK &&
              sqlite3_exec(base, create_sql, NULL, NULL, NULL) == SQLITE_OK &&
              sqlite3_prepare_v2(base, insert_sql, -1, &insert, NULL) == SQLITE_OK;
    for (uint32_t r = 0; ok && r < cbit_sweep_runs(table->sweep); r++) {
        ok = insert_run(table, r, insert);
    }
    (void)sqlite3_finalize(insert);
    free(create_sql);
    free(insert_sql);
    return ok && sqlite3_exec(base, "COMMIT", NULL, NULL, NULL) == SQLITE_OK;
}

cbit_err_t cbit_sweep_sqlite(const cbit_sweep_table_t *table, const char *path, cbit_diag_t *diag)
{
    sqlite3 *base = NULL;
    bool ok = sqlite3_open(path, &base) == SQLITE_OK && fill(table, base);
    cbit_err_t err = CBIT_ERR_OK;
    if (!ok) {
        cbit_diag_set_file(diag, path);
        err = cbit_diag_add(diag, CBIT_ERR_WRITE, NULL, "cannot be written: %s",
                            base == NULL ? "out of memory" : sqlite3_errmsg(base));
    }
    (void)sqlite3_close(base);
    return err;
}

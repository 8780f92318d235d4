/* Pulling a program, and putting it back. */
#include <string.h>

#include "model/vcpu/core.h"

/* The program's own next one, which may have been asked for already. */
static bool pull(cbit_context_t *context)
{
    if (context->foreseen) {
        context->foreseen = false;
        context->op = cbit_vcpu_other_op(context);
        return true;
    }
    return !context->plain && context->program.next(context->program.self, context->op);
}

const cbit_op_t *cbit_vcpu_pull_op(cbit_context_t *context)
{
    if (context->ended) {
        return NULL;
    }
    if (context->replay_at < context->replay_count) {
        *context->op = context->replay[context->replay_at++];
    } else if (!pull(context)) {
        *context->op =
            (cbit_op_t){.kind = CBIT_OP_END}; /* a plain one has been asked for already */
        context->plain = false;
    }
    context->op_valid = true;
    if (context->logged < REWIND_OPS) {
        context->log[context->logged++] = *context->op;
    } else {
        context->log_full = true;
        context->plain =
            context->replay_at == context->replay_count && context->op->kind != CBIT_OP_END;
    }
    return context->op;
}

const cbit_op_t *cbit_vcpu_foresee_op(cbit_context_t *context)
{
    if (!context->plain || !context->program.may_ask_ahead) {
        return NULL;
    }
    cbit_op_t *op = cbit_vcpu_other_op(context);
    if (!context->program.next(context->program.self, op)) {
        *op = (cbit_op_t){.kind = CBIT_OP_END};
    }
    context->foreseen = true;
    context->plain = false;
    return op;
}

/* The log of a run begins with the operation that an earlier one left unfinished. */
void cbit_vcpu_log_begin(cbit_context_t *context, uint64_t instructions)
{
    context->logged = 0;
    context->log_full = context->plain = false;
    context->instructions_at_run = instructions;
    if (context->op_valid) {
        context->log[context->logged++] = *context->op;
    }
}

void cbit_vcpu_rewind(cbit_vcpu_t *vcpu)
{
    cbit_context_t *context = vcpu->context;
    if (context == NULL || context->log_full || context->logged == 0) {
        return;
    }
    /* What was begun, then what was still to be replayed after it. */
    uint32_t left = context->replay_count - context->replay_at;
    memmove(context->replay + context->logged, context->replay + context->replay_at,
            left * sizeof context->replay[0]);
    memcpy(context->replay, context->log, context->logged * sizeof context->log[0]);
    context->replay_at = 0;
    context->replay_count = context->logged + left;
    context->logged = 0;
    context->op_valid = false;
    context->ended = false;
    vcpu->mine->instructions = context->instructions_at_run;
}

// SPDX-License-Identifier: Apache-2.0
/* own_stack.S - void own_stack_call(void (*act)(void *), void *context, void *top): a call with
 * another stack pointer. Through the frame pointer unwinders find the way back. */

#ifdef __CET__
#include <cet.h>
#else
#define _CET_ENDBR
#endif

    .section .text.unlikely, "ax", @progbits /* beside what else is done once */
    .globl own_stack_call
    .hidden own_stack_call
    .type own_stack_call, @function
own_stack_call:
    .cfi_startproc
#if defined(__x86_64__) /* System V ABI */
    _CET_ENDBR
    pushq %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    movq %rsp, %rbp
    .cfi_def_cfa_register %rbp
    movq %rdi, %rax
    movq %rsi, %rdi
    movq %rdx, %rsp
    call *%rax
    movq %rbp, %rsp
    popq %rbp
    .cfi_def_cfa %rsp, 8
#elif defined(__aarch64__) /* AAPCS64 */
    hint #34 /* bti c: nothing, where the processor does not know it */
    stp x29, x30, [sp, #-16]!
    .cfi_def_cfa_offset 16
    .cfi_offset x29, -16
    .cfi_offset x30, -8
    mov x29, sp
    .cfi_def_cfa_register x29
    mov x9, x0
    mov x0, x1
    mov sp, x2
    blr x9
    mov sp, x29
    .cfi_def_cfa_register sp
    ldp x29, x30, [sp], #16
    .cfi_restore x29
    .cfi_restore x30
    .cfi_def_cfa_offset 0
#else
#error "no way to another stack is known on this processor"
#endif
    ret
    .cfi_endproc
    .size own_stack_call, . - own_stack_call

    .section .note.GNU-stack, "", @progbits

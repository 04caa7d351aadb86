// SPDX-License-Identifier: Apache-2.0
/* own_stack.S - void own_stack_call(void (*act)(void *), void *context, void *top) (x86-64, System V
 * ABI): a call with another stack pointer. Through the frame pointer unwinders find the way back. */

#if !defined(__x86_64__)
#error "only x86-64 so far"
#endif

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
    ret
    .cfi_endproc
    .size own_stack_call, . - own_stack_call

    .section .note.GNU-stack, "", @progbits

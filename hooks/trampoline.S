// SPDX-License-Identifier: Apache-2.0
/* trampoline.S - where calls are passed on with their stack as it is (x86-64, System V ABI).
 *
 * Five kinds of code have to be transparent to the caller's frame, which C can't promise:
 * the trampolines of real.h, because one body then serves every signature, variadic ones too;
 * syscall(), because what its caller does with the stack (clone, vfork) is the kernel's to see;
 * dlopen(), because the loader looks at the return address to choose the RUNPATH and the
 * namespace of the caller; execl() and kin, because their arguments lie on the stack in a number
 * only the callee knows; swapcontext() and setcontext(), because what they keep is the caller's
 * frame, to which somebody may come back more than once. Argument registers are kept, %al included (the count of vector registers
 * of a variadic call); vector registers are not, because no function of the table takes a
 * floating argument. */

#if !defined(__x86_64__)
#error "only x86-64 so far"
#endif

#ifdef __CET__
#include <cet.h>
#else
#define _CET_ENDBR
#endif

    .section .text.hot, "ax", @progbits /* beside what else most programs come through */

    .macro function name
    .type \name, @function
    .p2align 4
\name:
    .cfi_startproc
    _CET_ENDBR
    .endm

    .macro end name
    .cfi_endproc
    .size \name, . - \name
    .endm

    .macro save register
    pushq \register
    .cfi_adjust_cfa_offset 8
    .endm

    .macro restore register
    popq \register
    .cfi_adjust_cfa_offset -8
    .endm

/* Seven registers and the return address: the stack is aligned to 16 bytes for a call. */
    .macro save_arguments
    save %rdi
    save %rsi
    save %rdx
    save %rcx
    save %r8
    save %r9
    save %rax
    .endm

    .macro restore_arguments
    restore %rax
    restore %r9
    restore %r8
    restore %rcx
    restore %rdx
    restore %rsi
    restore %rdi
    .endm

/* %r11d: the row. Not reached by a call, so there is no frame of its own. */
    function resolve
    save_arguments
    movl %r11d, %edi
    call real_target
    movq %rax, %r11
    restore_arguments
    jmp *%r11
    end resolve

/* One trampoline a row, which also names the row's place in struct real. */
    .macro trampoline name, row
    .set place_\name, \row * 8
    .globl trampoline_\name
    .hidden trampoline_\name
    function trampoline_\name
    movl $\row, %r11d
    jmp resolve
    end trampoline_\name
    .endm

#define HOOK(type, name, parameters, missing) trampoline name, __COUNTER__
#define ALIAS(name, hook)
#include "hooks/hooks.def"

/* RTLD_DEEPBIND makes a module look in its own dependencies first, past every preloaded
 * function: PHP opens its extensions so. */
#define RTLD_DEEPBIND 8
#define RTLD_GLOBAL   0x100

    .globl dlopen
    function dlopen
    andl $~RTLD_DEEPBIND, %esi
    testl $RTLD_GLOBAL, %esi
    je 1f
    save_arguments
    call scope_opening
    restore_arguments
1:  jmp *real + place_dlopen(%rip)
    end dlopen

/* libuv (node, uvloop) closes so. A close is observed first, as ever; all else is passed on. */
#define SYS_CLOSE 3

    .globl syscall
    function syscall
    cmpq $SYS_CLOSE, %rdi
    jne 1f
    save_arguments
    movl %esi, %edi
    call observe_closing
    restore_arguments
1:  jmp *real + place_syscall(%rip)
    end syscall

/* Observe, then real. */
    .macro leaving name, observe
    .globl \name
    function \name
    save_arguments
    call \observe
    restore_arguments
    jmp *real + place_\name(%rip)
    end \name
    .endm

    leaving execl, observe_leaving /* the process becomes another program */
    leaving execlp, observe_leaving
    leaving execle, observe_leaving
    leaving swapcontext, observe_leaving_stack
    leaving setcontext, observe_leaving_stack

    .section .note.GNU-stack, "", @progbits

// The machine words that make prepared system calls are what the assembler makes of their source, on both machines.

import { expect, test } from "bun:test";
import { callsCode } from "../../../src/sys/calls.ts";
import { assembled } from "../../support/assembler.ts";

const X64 = `
  .intel_syntax noprefix
  mov rbx, rdi
  lea r12, [rbx+24]
  next:
  mov rax, [r12]
  mov rdi, [r12+8]
  mov rsi, [r12+16]
  mov rdx, [r12+24]
  mov r10, [r12+32]
  mov r8, [r12+40]
  xor r9d, r9d
  add r12, 64
  test eax, eax
  js finish
  syscall
  mov rdx, [r12-8]
  mov [rbx+rdx], rax
  test rax, rax
  js fail
  jz next
  add r12, [r12-16]
  jmp next
  fail:
  mov [rbx], rax
  mov edi, 127
  jmp exit
  finish:
  mov eax, [rbx+12]
  movzx edi, ah
  and eax, 127
  jz exit
  lea edi, [rax+128]
  exit:
  mov eax, 231
  syscall
`;

const ARM64 = `
  mov x19, x0
  add x20, x0, #24
  next:
  ldp x8, x0, [x20], #16
  ldp x1, x2, [x20], #16
  ldp x3, x4, [x20], #16
  ldp x21, x22, [x20], #16
  tbnz w8, #31, finish
  svc #0
  str x0, [x19, x22]
  tbnz x0, #63, fail
  cbz x0, next
  add x20, x20, x21
  b next
  fail:
  str x0, [x19]
  mov x0, #127
  b exit
  finish:
  ldr w1, [x19, #12]
  ubfx w0, w1, #8, #8
  ands w1, w1, #127
  b.eq exit
  add w0, w1, #128
  exit:
  mov x8, #94
  svc #0
`;

test.each([
  ["x64", X64],
  ["arm64", ARM64],
])("for %s", (arch, source) => {
  const bytes = assembled(arch, source);
  if (bytes) expect(callsCode(arch)).toEqual(bytes);
});

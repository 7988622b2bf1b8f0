// Owns the guard's machine code for x86-64 (guard.ts says what it does). The comments are its source: a test assembles them.

/** Each 0x11111111 stands for BASE, the address of the guard's data. */
// biome-ignore format: one instruction a line
export const X64_CODE: readonly number[] = [
  // entry: ; Bun's entry needs rsp (argc, argv, environment) and rdx (the loader's function for the end) as they are
  0x52,                                                 // push rdx
  0x48, 0x83, 0xec, 0x28,                               // sub rsp, 40                        ; room for a struct sigaction or a struct rlimit
  0x48, 0x8d, 0x05, 0xa3, 0x01, 0x00, 0x00,             // lea rax, [rip + last_words]
  0x48, 0x89, 0x04, 0x24,                               // mov [rsp], rax                     ; sa_handler
  0x48, 0xc7, 0x44, 0x24, 0x08, 0x00, 0x00, 0x00, 0x44, // mov qword ptr [rsp+8], 0x44000000  ; sa_flags: SA_NODEFER, SA_RESTORER
  0x48, 0x89, 0x44, 0x24, 0x10,                         // mov [rsp+16], rax                  ; sa_restorer: the kernel wants one, though no handler here returns
  0x48, 0xc7, 0x44, 0x24, 0x18, 0x00, 0x00, 0x00, 0x00, // mov qword ptr [rsp+24], 0          ; sa_mask
  0xbb, 0x05, 0x00, 0x00, 0x00,                         // mov ebx, 5                         ; SIGTRAP, SIGABRT, SIGBUS
  // next_fault:
  0xe8, 0x0f, 0x01, 0x00, 0x00,                         // call set_action
  0xff, 0xc3,                                           // inc ebx
  0x83, 0xfb, 0x08,                                     // cmp ebx, 8
  0x72, 0xf4,                                           // jb next_fault
  0xbb, 0x0b, 0x00, 0x00, 0x00,                         // mov ebx, 11                        ; SIGSEGV
  0xe8, 0xfe, 0x00, 0x00, 0x00,                         // call set_action
  0x48, 0xc7, 0x04, 0x24, 0x00, 0x00, 0x00, 0x00,       // mov qword ptr [rsp], 0             ; SIG_DFL
  0xbb, 0x1e, 0x00, 0x00, 0x00,                         // mov ebx, 30                        ; SIGPWR: where the caller ignores it, the engine prints a warning
  0xe8, 0xec, 0x00, 0x00, 0x00,                         // call set_action
  0xbb, 0x11, 0x11, 0x11, 0x11,                         // mov ebx, 0x11111111
  0x83, 0xc3, 0x28,                                     // add ebx, 40                        ; the first row
  0xbd, 0x02, 0x00, 0x00, 0x00,                         // mov ebp, 2
  // check:
  0xe8, 0xf1, 0x00, 0x00, 0x00,                         // call get_limit
  0x48, 0x3b, 0x43, 0x08,                               // cmp rax, [rbx+8]
  0x0f, 0x82, 0x3f, 0x01, 0x00, 0x00,                   // jb last_words
  0x83, 0xc3, 0x18,                                     // add ebx, 24
  0xff, 0xcd,                                           // dec ebp
  0x75, 0xea,                                           // jnz check
  0x41, 0xb8, 0x11, 0x11, 0x11, 0x11,                   // mov r8d, 0x11111111
  0x49, 0x8b, 0xb0, 0xb8, 0x00, 0x00, 0x00,             // mov rsi, [r8+184]                  ; "BUN_JSC_"
  0x8b, 0x4c, 0x24, 0x30,                               // mov ecx, [rsp+48]                  ; argc
  0x48, 0x8d, 0x7c, 0xcc, 0x40,                         // lea rdi, [rsp+rcx*8+64]            ; the environment
  0x48, 0x89, 0xfa,                                     // mov rdx, rdi
  0x48, 0x8b, 0x07,                                     // mov rax, [rdi]
  0x48, 0x85, 0xc0,                                     // test rax, rax
  0x74, 0x16,                                           // jz settle
  0x48, 0x39, 0x30,                                     // cmp [rax], rsi
  0x75, 0x11,                                           // jne settle
  0x48, 0x8b, 0x40, 0x08,                               // mov rax, [rax+8]                   ; minibox and the guard put "BUN_JSC_jitMemor…" first
  0x49, 0x3b, 0x80, 0xc0, 0x00, 0x00, 0x00,             // cmp rax, [r8+192]
  0x0f, 0x84, 0x86, 0x00, 0x00, 0x00,                   // je start
  // settle: ; takes each BUN_JSC_… variable out of the environment
  0x48, 0x8b, 0x02,                                     // mov rax, [rdx]
  0x48, 0x83, 0xc2, 0x08,                               // add rdx, 8
  0x48, 0x85, 0xc0,                                     // test rax, rax
  0x74, 0x0e,                                           // jz settled
  0x48, 0x39, 0x30,                                     // cmp [rax], rsi
  0x74, 0xef,                                           // je settle
  0x48, 0x89, 0x07,                                     // mov [rdi], rax
  0x48, 0x83, 0xc7, 0x08,                               // add rdi, 8
  0xeb, 0xe6,                                           // jmp settle
  // settled:
  0x48, 0x89, 0x07,                                     // mov [rdi], rax
  0xe8, 0x87, 0x00, 0x00, 0x00,                         // call get_limit                     ; data, address space
  0x48, 0x3b, 0x43, 0x08,                               // cmp rax, [rbx+8]
  0x72, 0x0e,                                           // jb scarce
  0x83, 0xc3, 0x18,                                     // add ebx, 24
  0xe8, 0x79, 0x00, 0x00, 0x00,                         // call get_limit
  0x48, 0x3b, 0x43, 0x08,                               // cmp rax, [rbx+8]
  0x73, 0x50,                                           // jae start
  // scarce: ; executes the file once more, with SMALLER (guard.ts) in front of the environment
  0xbb, 0x11, 0x11, 0x11, 0x11,                         // mov ebx, 0x11111111
  0x8b, 0x4c, 0x24, 0x30,                               // mov ecx, [rsp+48]
  0x48, 0x8d, 0x54, 0xcc, 0x40,                         // lea rdx, [rsp+rcx*8+64]
  0x49, 0x89, 0xe1,                                     // mov r9, rsp
  0x48, 0x8d, 0x04, 0xcd, 0x10, 0x00, 0x00, 0x00,       // lea rax, [rcx*8+16]
  0x48, 0x29, 0xc4,                                     // sub rsp, rax
  0x48, 0x83, 0xe4, 0xf0,                               // and rsp, -16
  0x48, 0x89, 0xe7,                                     // mov rdi, rsp                       ; a copy of argv, because SMALLER takes the place of the NULL at its end
  0x49, 0x8d, 0x71, 0x38,                               // lea rsi, [r9+56]
  0xff, 0xc1,                                           // inc ecx
  0xf3, 0x48, 0xa5,                                     // rep movsq
  0x48, 0x83, 0xea, 0x08,                               // sub rdx, 8
  0x8d, 0x83, 0xb8, 0x00, 0x00, 0x00,                   // lea eax, [rbx+184]
  0x48, 0x89, 0x02,                                     // mov [rdx], rax
  0x48, 0x89, 0xe6,                                     // mov rsi, rsp
  0x8d, 0x7b, 0x18,                                     // lea edi, [rbx+24]                  ; "/proc/self/exe"
  0xb8, 0x3b, 0x00, 0x00, 0x00,                         // mov eax, 59                        ; execve
  0x0f, 0x05,                                           // syscall
  0x48, 0xc7, 0x02, 0x00, 0x00, 0x00, 0x00,             // mov qword ptr [rdx], 0             ; execve failed: the NULL again
  0x4c, 0x89, 0xcc,                                     // mov rsp, r9
  // start:
  0x48, 0x83, 0xc4, 0x28,                               // add rsp, 40
  0x5a,                                                 // pop rdx
  0xb8, 0x11, 0x11, 0x11, 0x11,                         // mov eax, 0x11111111
  0xff, 0x20,                                           // jmp [rax]                          ; Bun's entry
  // set_action: ; rt_sigaction(ebx, the caller's struct, NULL, 8)
  0x89, 0xdf,                                           // mov edi, ebx
  0x48, 0x8d, 0x74, 0x24, 0x08,                         // lea rsi, [rsp+8]
  0x31, 0xd2,                                           // xor edx, edx
  0x41, 0xba, 0x08, 0x00, 0x00, 0x00,                   // mov r10d, 8
  0xb8, 0x0d, 0x00, 0x00, 0x00,                         // mov eax, 13
  0x0f, 0x05,                                           // syscall
  0xc3,                                                 // ret
  // get_limit: ; rax: the soft limit of the row at rbx
  0x31, 0xff,                                           // xor edi, edi                       ; this process
  0x8b, 0x33,                                           // mov esi, [rbx]
  0x31, 0xd2,                                           // xor edx, edx
  0x4c, 0x8d, 0x54, 0x24, 0x08,                         // lea r10, [rsp+8]
  0xb8, 0x2e, 0x01, 0x00, 0x00,                         // mov eax, 302                       ; prlimit64
  0x0f, 0x05,                                           // syscall
  0x48, 0x8b, 0x44, 0x24, 0x08,                         // mov rax, [rsp+8]
  0xc3,                                                 // ret
  // write: ; ssize_t write(int fd, const void *bytes, size_t length)
  0x83, 0xff, 0x02,                                     // cmp edi, 2
  0x74, 0x3b,                                           // je last_words
  0xb8, 0x11, 0x11, 0x11, 0x11,                         // mov eax, 0x11111111
  0x48, 0x8b, 0x40, 0x08,                               // mov rax, [rax+8]
  0xff, 0x20,                                           // jmp [rax]                          ; libc's
  // getcwd: ; char *getcwd(char *path, size_t size)
  0x57,                                                 // push rdi
  0x56,                                                 // push rsi
  0x48, 0x83, 0xec, 0x08,                               // sub rsp, 8
  0xb8, 0x11, 0x11, 0x11, 0x11,                         // mov eax, 0x11111111
  0x48, 0x8b, 0x40, 0x10,                               // mov rax, [rax+16]
  0xff, 0x10,                                           // call [rax]                         ; libc's
  0x48, 0x83, 0xc4, 0x08,                               // add rsp, 8
  0x5e,                                                 // pop rsi
  0x5f,                                                 // pop rdi
  0x48, 0x85, 0xc0,                                     // test rax, rax
  0x75, 0x13,                                           // jnz done
  0x48, 0x85, 0xff,                                     // test rdi, rdi
  0x74, 0x0e,                                           // jz done
  0x48, 0x83, 0xfe, 0x02,                               // cmp rsi, 2
  0x72, 0x08,                                           // jb done
  0x66, 0xc7, 0x07, 0x2f, 0x00,                         // mov word ptr [rdi], 0x2f           ; "/"
  0x48, 0x89, 0xf8,                                     // mov rax, rdi
  // done:
  0xc3,                                                 // ret
  // last_words: ; also replaces abort(3); never returns
  0x48, 0x83, 0xec, 0x60,                               // sub rsp, 96                        ; limit and digits up to 32, three struct iovec above
  0xbb, 0x11, 0x11, 0x11, 0x11,                         // mov ebx, 0x11111111
  0xbf, 0x9c, 0xff, 0xff, 0xff,                         // mov edi, -100                      ; AT_FDCWD
  0x8d, 0x73, 0x18,                                     // lea esi, [rbx+24]                  ; "/proc/self/exe"
  0x31, 0xd2,                                           // xor edx, edx                       ; F_OK
  0xb8, 0x0d, 0x01, 0x00, 0x00,                         // mov eax, 269                       ; faccessat
  0x0f, 0x05,                                           // syscall
  0x44, 0x8d, 0xa3, 0xa0, 0x00, 0x00, 0x00,             // lea r12d, [rbx+160]                ; the words for a missing /proc, behind the last row
  0x85, 0xc0,                                           // test eax, eax
  0x78, 0x4c,                                           // js plain
  0x83, 0xc3, 0x28,                                     // add ebx, 40
  // row:
  0xe8, 0x7b, 0xff, 0xff, 0xff,                         // call get_limit
  0x48, 0x3b, 0x43, 0x08,                               // cmp rax, [rbx+8]
  0x72, 0x58,                                           // jb number
  0x83, 0xc3, 0x18,                                     // add ebx, 24
  0x44, 0x39, 0xe3,                                     // cmp ebx, r12d
  0x72, 0xed,                                           // jb row
  0x31, 0xff,                                           // xor edi, edi                       ; does the kernel give memory for code?
  0xbe, 0x00, 0x10, 0x00, 0x00,                         // mov esi, 4096
  0xba, 0x07, 0x00, 0x00, 0x00,                         // mov edx, 7                         ; PROT_READ, PROT_WRITE, PROT_EXEC
  0x41, 0xba, 0x22, 0x00, 0x00, 0x00,                   // mov r10d, 0x22                     ; MAP_PRIVATE, MAP_ANONYMOUS
  0x49, 0xc7, 0xc0, 0xff, 0xff, 0xff, 0xff,             // mov r8, -1
  0x45, 0x31, 0xc9,                                     // xor r9d, r9d
  0xb8, 0x09, 0x00, 0x00, 0x00,                         // mov eax, 9                         ; mmap
  0x0f, 0x05,                                           // syscall
  0x44, 0x8d, 0x63, 0x08,                               // lea r12d, [rbx+8]                  ; the words for no memory or thread
  0x48, 0x85, 0xc0,                                     // test rax, rax
  0x79, 0x0a,                                           // jns plain
  0x48, 0x83, 0xf8, 0xf4,                               // cmp rax, -12                       ; ENOMEM
  0x74, 0x04,                                           // je plain
  0x41, 0x83, 0xc4, 0x08,                               // add r12d, 8                        ; the words for code that is forbidden
  // plain:
  0x41, 0x8b, 0x04, 0x24,                               // mov eax, [r12]
  0x48, 0x89, 0x44, 0x24, 0x20,                         // mov [rsp+32], rax
  0x41, 0x8b, 0x44, 0x24, 0x04,                         // mov eax, [r12+4]
  0x48, 0x89, 0x44, 0x24, 0x28,                         // mov [rsp+40], rax
  0xba, 0x01, 0x00, 0x00, 0x00,                         // mov edx, 1
  0xeb, 0x56,                                           // jmp say
  // number:
  0x8b, 0x4b, 0x04,                                     // mov ecx, [rbx+4]
  0x48, 0xd3, 0xe8,                                     // shr rax, cl                        ; bytes to KiB
  0x48, 0x8d, 0x7c, 0x24, 0x20,                         // lea rdi, [rsp+32]                  ; digits, from the last one down
  0x89, 0xfe,                                           // mov esi, edi
  0xb9, 0x0a, 0x00, 0x00, 0x00,                         // mov ecx, 10
  // digit:
  0x31, 0xd2,                                           // xor edx, edx
  0x48, 0xf7, 0xf1,                                     // div rcx
  0x83, 0xc2, 0x30,                                     // add edx, 48
  0x48, 0xff, 0xcf,                                     // dec rdi
  0x88, 0x17,                                           // mov [rdi], dl
  0x48, 0x85, 0xc0,                                     // test rax, rax
  0x75, 0xee,                                           // jnz digit
  0x48, 0x89, 0x7c, 0x24, 0x30,                         // mov [rsp+48], rdi
  0x29, 0xfe,                                           // sub esi, edi
  0x48, 0x89, 0x74, 0x24, 0x38,                         // mov [rsp+56], rsi
  0x8b, 0x43, 0x10,                                     // mov eax, [rbx+16]                  ; the words before the number
  0x48, 0x89, 0x44, 0x24, 0x20,                         // mov [rsp+32], rax
  0x0f, 0xb7, 0x4b, 0x14,                               // movzx ecx, word ptr [rbx+20]
  0x48, 0x89, 0x4c, 0x24, 0x28,                         // mov [rsp+40], rcx
  0x01, 0xc8,                                           // add eax, ecx                       ; and those after it
  0x48, 0x89, 0x44, 0x24, 0x40,                         // mov [rsp+64], rax
  0x0f, 0xb7, 0x4b, 0x16,                               // movzx ecx, word ptr [rbx+22]
  0x48, 0x89, 0x4c, 0x24, 0x48,                         // mov [rsp+72], rcx
  0xba, 0x03, 0x00, 0x00, 0x00,                         // mov edx, 3
  // say:
  0xbf, 0x02, 0x00, 0x00, 0x00,                         // mov edi, 2
  0x48, 0x8d, 0x74, 0x24, 0x20,                         // lea rsi, [rsp+32]
  0xb8, 0x14, 0x00, 0x00, 0x00,                         // mov eax, 20                        ; writev
  0x0f, 0x05,                                           // syscall
  0xbf, 0x7d, 0x00, 0x00, 0x00,                         // mov edi, 125
  0xb8, 0xe7, 0x00, 0x00, 0x00,                         // mov eax, 231                       ; exit_group
  0x0f, 0x05,                                           // syscall
];

/** Offsets in the code of the places where it is entered. */
export const X64_ENTRIES = { entry: 0, write: 367, getcwd: 383, lastWords: 431 };

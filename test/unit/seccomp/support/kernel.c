// Loads a filter and makes calls under it, so that the kernel itself says what each verdict does.
//
// stdin: u32 instructions, struct sock_filter[], u32 calls, then for each: u32 abi (0 native, 1 int 0x80),
// u32 nr, u64 args[6]. stdout: for each call: i32 what, i32 value, as enumerated below.
// With any word as its argument it exits with 0 if the kernel has int $0x80, and is killed or exits with 1 if not.
#define _GNU_SOURCE
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum what { NOT_MADE, MADE, RETURNED, TRAPPED, THREAD_KILLED, PROCESS_KILLED };
struct call { uint32_t abi, nr; uint64_t args[6]; };
struct outcome { int32_t what, value; };

static struct sock_fprog program;
static struct call *calls;
static volatile struct outcome *outcomes;
static volatile uint32_t *current;
static uint32_t count;
static void *resume[5];

static void trap(int signal, siginfo_t *info, void *context) {
  (void)signal, (void)context;
  outcomes[*current].what = TRAPPED;
  outcomes[*current].value = info->si_syscall;
  __builtin_longjmp(resume, 1); // not sigreturn: the filter may not let us
}

static long make(const struct call *c) {
  long result;
#ifdef __x86_64__
  if (c->abi == 1) {
    register uint64_t r8 __asm__("r8") = 0;
    __asm__ volatile("push %%rbp\n mov %[bp], %%rbp\n int $0x80\n pop %%rbp"
                     : "=a"(result), "+r"(r8)
                     : "a"((uint64_t)c->nr), "b"(c->args[0]), "c"(c->args[1]), "d"(c->args[2]), "S"(c->args[3]),
                       "D"(c->args[4]), [bp] "r"(c->args[5])
                     : "memory", "r9", "r10", "r11");
    return (int32_t)result;
  }
  register uint64_t r10 __asm__("r10") = c->args[3];
  register uint64_t r8 __asm__("r8") = c->args[4];
  register uint64_t r9 __asm__("r9") = c->args[5];
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"((uint64_t)c->nr), "D"(c->args[0]), "S"(c->args[1]), "d"(c->args[2]), "r"(r10), "r"(r8), "r"(r9)
                   : "memory", "rcx", "r11");
  return result;
#else
  register uint64_t x0 __asm__("x0") = c->args[0];
  register uint64_t x1 __asm__("x1") = c->args[1];
  register uint64_t x2 __asm__("x2") = c->args[2];
  register uint64_t x3 __asm__("x3") = c->args[3];
  register uint64_t x4 __asm__("x4") = c->args[4];
  register uint64_t x5 __asm__("x5") = c->args[5];
  register uint64_t x8 __asm__("x8") = c->nr;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5), "r"(x8) : "memory");
  result = (long)x0;
  return result;
#endif
}

// Only this thread is filtered: the other one survives if the filter kills the thread and not the process.
static void *run(void *unused) {
  (void)unused;
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) _exit(3);
  for (; *current < count; (*current)++) {
    uint32_t i = *current;
    outcomes[i].what = MADE;
    if (__builtin_setjmp(resume) == 0) {
      outcomes[i].value = (int32_t)make(&calls[i]);
      outcomes[i].what = RETURNED;
    }
  }
  for (;;) __asm__ volatile("" ::: "memory"); // the filter may forbid exit; the other thread ends the process
}

static void child(void) {
  struct sigaction action = {.sa_sigaction = trap, .sa_flags = SA_SIGINFO | SA_NODEFER};
  sigaction(SIGSYS, &action, NULL);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  alarm(20);
  pthread_t thread;
  if (pthread_create(&thread, NULL, run, NULL) != 0) _exit(4);
  while (pthread_tryjoin_np(thread, NULL) != 0) {
    if (*current >= count) _exit(0);
    usleep(20);
  }
  outcomes[*current].what = THREAD_KILLED;
  _exit(0);
}

int main(int argc, char **argv) {
  (void)argv;
  if (argc > 1) {
    struct call getpid_of_i386 = {.abi = 1, .nr = 20};
    return make(&getpid_of_i386) != getpid();
  }
  static struct sock_filter filter[4096];
  uint32_t length;
  if (fread(&length, 4, 1, stdin) != 1 || length > 4096) return 2;
  if (fread(filter, 8, length, stdin) != length || fread(&count, 4, 1, stdin) != 1) return 2;
  program.len = length;
  program.filter = filter;
  calls = calloc(count, sizeof *calls);
  if (fread(calls, sizeof *calls, count, stdin) != count) return 2;
  size_t size = sizeof(struct outcome) * count + 8;
  void *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  current = shared;
  outcomes = (struct outcome *)((char *)shared + 8);
  while (*current < count) {
    int status;
    pid_t pid = fork();
    if (pid == 0) child();
    waitpid(pid, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0) return WEXITSTATUS(status);
    if (*current >= count) break;
    if (WIFSIGNALED(status)) {
      if (WTERMSIG(status) != SIGSYS) return 5;
      outcomes[*current].what = PROCESS_KILLED;
    }
    (*current)++; // the next process goes on after the call that ended this one
  }
  return fwrite((void *)outcomes, sizeof(struct outcome), count, stdout) == count ? 0 : 6;
}

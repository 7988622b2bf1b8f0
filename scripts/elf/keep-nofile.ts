// Owns keeping the caller's limit of open files. Bun raises its soft RLIMIT_NOFILE to the hard one before any of our
// code runs, and nothing keeps the old value for the container. Its import of setrlimit is made one of getrlimit:
// the same arguments and version, and what it does to the structure on Bun's stack nobody sees (elf(5), getrlimit(2)).

const SHT_DYNSYM = 11;
const SYMBOL_SIZE = 24;
const encoder = new TextEncoder();

/** Points the dynamic symbol `setrlimit` of an ELF64 executable to the name `getrlimit`, in place. Throws where there is none. */
export function keepNofile(elf: Uint8Array): void {
  const view = new DataView(elf.buffer, elf.byteOffset, elf.byteLength);
  const sections = Number(view.getBigUint64(0x28, true));
  const headerSize = view.getUint16(0x3a, true);
  const long = (at: number): number => Number(view.getBigUint64(at, true));
  for (let i = 0; i < view.getUint16(0x3c, true); i++) {
    const header = sections + i * headerSize;
    if (view.getUint32(header + 4, true) !== SHT_DYNSYM) continue;
    const names = long(sections + view.getUint32(header + 40, true) * headerSize + 24);
    const symbols = long(header + 24);
    const find = (name: string): number => {
      const wanted = encoder.encode(`${name}\0`);
      for (let at = symbols; at < symbols + long(header + 32); at += SYMBOL_SIZE) {
        const start = names + view.getUint32(at, true);
        if (wanted.every((byte, j) => elf[start + j] === byte)) return at;
      }
      throw new Error(`the executable does not import ${name}: look anew at how Bun raises RLIMIT_NOFILE`);
    };
    // st_name is a symbol's first word
    view.setUint32(find("setrlimit"), view.getUint32(find("getrlimit"), true), true);
    return;
  }
  throw new Error("the executable has no dynamic symbols");
}

// Tools of developers and administrators in a default container: TLS, git, keys, tracers.

import { describe, expect, test } from "bun:test";
import { hostView, lacks, said } from "../../support/host-view.ts";

const view = hostView();

const CERTIFICATE = `
openssl genrsa -out key.pem 2048 2>/dev/null
openssl req -x509 -key key.pem -out cert.pem -days 1 -subj /CN=localhost -addext subjectAltName=DNS:localhost
`;

/** A server that answers each request with its status page, and what waits until it listens. */
const SERVER = `${CERTIFICATE}
openssl s_server -accept 4433 -key key.pem -cert cert.pem -www >server.log 2>&1 & server=$!
until grep -q ACCEPT server.log; do kill -0 $server; sleep 0.05; done
`;

describe("in a default container", () => {
  test.skipIf(lacks("openssl") !== "")("openssl makes keys, and two of them talk TLS", async () => {
    const script = `${SERVER}
openssl rand -hex 16 | wc -c
echo | openssl s_client -connect localhost:4433 -CAfile cert.pem -verify_return_error -brief 2>&1 | grep -o 'Verification: .*'
kill $server`;
    expect(await view.run(script)).toEqual(said("33\nVerification: OK\n"));
  });

  test.skipIf(lacks("openssl", "curl") !== "")(
    "curl gets a page by https, and trusts whom it was told to",
    async () => {
      const script = `${SERVER}
curl -sS --cacert cert.pem https://localhost:4433/ | grep -c '<HTML>'
curl -sS https://localhost:4433/ 2>&1 | grep -o 'self.signed certificate' | head -1 || true
kill $server`;
      expect((await view.run(script)).stdout).toMatch(/^1\nself.signed certificate\n$/);
    },
  );

  test.skipIf(lacks("git") !== "")("git commits and clones", async () => {
    const script = `
git init -q one; cd one; echo text >file; git add file
git -c user.name=me -c user.email=me@example.org commit -qm first
cd ..; git clone -q file:///tmp/one two; cat two/file; git -C two gc -q; git -C two log --format=%s`;
    expect(await view.run(script)).toEqual(said("text\nfirst\n"));
  });

  test.skipIf(lacks("ssh-keygen") !== "")("ssh-keygen makes keys of each kind", async () => {
    const script = `
for kind in rsa ecdsa ed25519; do ssh-keygen -q -t $kind -N '' -f $kind; done
echo data | ssh-keygen -q -Y sign -f ed25519 -n file - | head -1; ls *.pub`;
    const { stdout, status } = await view.run(script);
    expect([status, stdout]).toEqual([0, "-----BEGIN SSH SIGNATURE-----\necdsa.pub\ned25519.pub\nrsa.pub\n"]);
  });

  // The kernel lets a process trace what has its own ids and no more capabilities; docker has allowed it since 4.8.
  test.skipIf(lacks("strace") !== "")("strace follows a program and its children", async () => {
    const { stdout, status } = await view.run(
      "strace -f -o trace -e trace=execve,clone,vfork,clone3 sh -c '/bin/true; :'; grep -c '+++ exited with 0 +++' trace; grep -c 'execve(\"/bin/true\"' trace",
    );
    expect([status, stdout]).toEqual([0, "2\n1\n"]);
  });

  const ATTACH = `
setpriv --reuid=65534 --regid=65534 --clear-groups sleep 1000 & victim=$!
until [ "$(cat /proc/$victim/comm)" = sleep ]; do sleep 0.02; done
strace -o trace -p $victim 2>attached & tracer=$!
until grep -qE 'attached|not permitted' attached; do sleep 0.02; done
grep -oE 'attached|not permitted' attached | head -1
kill $victim; wait $tracer || true`;

  test.skipIf(lacks("strace") !== "")(
    "another user's process is traced with CAP_SYS_PTRACE only",
    async () => {
      expect((await view.run(ATTACH)).stdout).toBe("not permitted\n");
      expect((await view.run(ATTACH, ["--cap-add", "SYS_PTRACE"])).stdout).toBe("attached\n");
    },
  );

  test.skipIf(lacks("gdb") !== "")("gdb stops a program, looks into it and lets it go on", async () => {
    const commands = ["starti", "p $pc != 0", "continue"].flatMap((line) => ["-ex", `'${line}'`]);
    const { stdout } = await view.run(
      `gdb -nx -batch ${commands.join(" ")} /bin/true 2>/dev/null </dev/null`,
    );
    expect(stdout).toContain("$1 = 1\n");
    expect(stdout).toMatch(/Inferior 1 \(process \d+\) exited normally/);
  });
});

// Programming languages in a default container: their random numbers, threads, processes and sockets.

import { describe, expect, test } from "bun:test";
import { dirname } from "node:path";
import { hostView, lacks, said } from "../../support/host-view.ts";
import { skipReason } from "../../support/minibox.ts";
import { makePlace, runWithSubIds } from "../../support/user.ts";

const view = hostView();

const NODE = `
const { randomBytes, generateKeyPairSync } = require("crypto");
const { Worker } = require("worker_threads");
const { execFileSync } = require("child_process");
const http = require("http");
(async () => {
  console.log("random", randomBytes(8).length, generateKeyPairSync("ed25519").privateKey.type);
  const worker = new Worker('require("worker_threads").parentPort.postMessage(6 * 7)', { eval: true });
  console.log("worker", await new Promise((done) => worker.once("message", done)));
  console.log("child", execFileSync("echo", ["hello"]).toString().trim());
  const server = http.createServer((_, answer) => answer.end("page")).listen(0, "127.0.0.1");
  await new Promise((done) => server.once("listening", done));
  const port = server.address().port;
  http.get({ host: "127.0.0.1", port }, (answer) => {
    answer.on("data", (part) => console.log("http", part.toString()));
    answer.on("end", () => server.close());
  });
})();
`;

const PYTHON = `
import asyncio, multiprocessing, secrets, ssl, subprocess, tempfile, threading
from multiprocessing import shared_memory

def square(x):
    return x * x

async def echo():
    async def serve(reader, writer):
        writer.write(await reader.readline())
        writer.close()
    server = await asyncio.start_server(serve, "localhost", 0)
    reader, writer = await asyncio.open_connection("localhost", server.sockets[0].getsockname()[1])
    writer.write(b"over tcp\\n")
    print((await reader.readline()).decode().strip())
    writer.close()
    server.close()

if __name__ == "__main__":
    print("random", len(secrets.token_bytes(8)), ssl.create_default_context().verify_mode.name)
    thread = threading.Thread(target=print, args=("thread",))
    thread.start()
    thread.join()
    with multiprocessing.Pool(2) as pool:
        print("pool", pool.map(square, [1, 2, 3]))
    queue = multiprocessing.Queue()
    process = multiprocessing.Process(target=queue.put, args=("queue",))
    process.start()
    print(queue.get())
    process.join()
    memory = shared_memory.SharedMemory(create=True, size=8)
    memory.buf[0] = 7
    print("shared", memory.buf[0])
    memory.close()
    memory.unlink()
    print(subprocess.run(["echo", "child"], capture_output=True, text=True).stdout.strip())
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"x")
    asyncio.run(echo())
`;

const JAVA = `
import java.security.SecureRandom;
import java.util.concurrent.*;
import java.util.stream.IntStream;
public class Hello {
  public static void main(String[] words) throws Exception {
    byte[] random = new byte[8];
    new SecureRandom().nextBytes(random);
    System.out.println("random " + random.length);
    ExecutorService pool = Executors.newFixedThreadPool(4);
    System.out.println("thread " + pool.submit(() -> 42).get());
    pool.shutdown();
    System.out.println("parallel " + IntStream.range(0, 1000).parallel().sum());
    Process child = new ProcessBuilder("echo", "child").inheritIO().start();
    System.exit(child.waitFor());
  }
}
`;

const GO = `
package main
import ("crypto/rand"; "fmt"; "net"; "os/exec"; "sync")
func main() {
  random := make([]byte, 8)
  n, err := rand.Read(random)
  fmt.Println("random", n, err)
  var group sync.WaitGroup
  for i := 0; i < 16; i++ { group.Add(1); go func() { defer group.Done() }() }
  group.Wait()
  out, err := exec.Command("echo", "child").Output()
  fmt.Print(string(out))
  listener, err := net.Listen("tcp", "localhost:0")
  fmt.Println("listen", listener != nil, err)
}
`;

const PERL = `
use Digest::SHA qw(sha1_hex); use IO::Socket::INET;
print sha1_hex("a"), "\\n";
my $server = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1") or die $!;
unless (fork) { print { IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $server->sockport) } "from a child\\n"; exit 3 }
print scalar readline $server->accept;
wait; print "status ", $? >> 8, "\\n";
`;

const RUBY = `
require "securerandom"; require "openssl"; require "socket"
puts "random #{SecureRandom.hex(8).size} #{OpenSSL::Random.random_bytes(4).size}"
puts Thread.new { "thread" }.value
server = TCPServer.new("127.0.0.1", 0)
fork { TCPSocket.new("127.0.0.1", server.addr[1]).puts "from a child" }
puts server.accept.gets
Process.wait
puts $?.exitstatus
`;

describe("in a default container", () => {
  test.skipIf(lacks("node") !== "")("node", async () => {
    view.put("srv/hello.js", NODE);
    expect(await view.run("node /srv/hello.js")).toEqual(
      said("random 8 private\nworker 42\nchild hello\nhttp page\n"),
    );
    expect((await view.run("node /srv/hello.js", ["-u", "65534"])).stdout).toContain("worker 42");
  });

  test("bun", async () => {
    view.put("srv/hello.ts", NODE);
    const flags = ["-v", `${dirname(process.execPath)}:/opt/bun:ro`];
    const { status, stdout } = await view.run(
      `/opt/bun/${process.execPath.split("/").at(-1)} /srv/hello.ts`,
      flags,
    );
    expect([status, stdout]).toEqual([0, "random 8 private\nworker 42\nchild hello\nhttp page\n"]);
  });

  test.skipIf(lacks("python3") !== "")("python3", async () => {
    view.put("srv/hello.py", PYTHON);
    expect(await view.run("python3 /srv/hello.py")).toEqual(
      said("random 8 CERT_REQUIRED\nthread\npool [1, 4, 9]\nqueue\nshared 7\nchild\nover tcp\n"),
    );
  });

  test.skipIf(lacks("javac", "java") !== "")("java, compiled and run", async () => {
    view.put("srv/Hello.java", JAVA);
    expect(await view.run("javac -d . /srv/Hello.java; java Hello")).toEqual(
      said("random 8\nthread 42\nparallel 499500\nchild\n"),
    );
  });

  test.skipIf(lacks("go") !== "")("go, built and run", async () => {
    view.put("srv/hello.go", GO);
    expect(await view.run("go build -o hello /srv/hello.go; ./hello; go run /srv/hello.go | wc -l")).toEqual(
      said("random 8 <nil>\nchild\nlisten true <nil>\n3\n"),
    );
  });

  test.skipIf(lacks("perl") !== "")("perl", async () => {
    view.put("srv/hello.pl", PERL);
    expect(await view.run("perl /srv/hello.pl")).toEqual(
      said("86f7e437faa5a7fce15d1ddcb9eaeaea377667b8\nfrom a child\nstatus 3\n"),
    );
  });

  test.skipIf(lacks("ruby") !== "")("ruby", async () => {
    view.put("srv/hello.rb", RUBY);
    expect(await view.run("ruby /srv/hello.rb")).toEqual(said("random 16 4\nthread\nfrom a child\n0\n"));
  });
});

describe("in an ordinary user's container", () => {
  const lacking = lacks("node", "python3") || skipReason("setpriv", "unshare", "newuidmap", "newgidmap");

  test.skipIf(lacking !== "")("node and python3", async () => {
    const place = makePlace();
    const ownTmp = ["--tmpfs", "/tmp"]; // the view's belongs to the host's root, who is nobody in there
    try {
      view.put("srv/hello.js", NODE);
      view.put("srv/hello.py", PYTHON);
      for (const script of ["node /srv/hello.js", "python3 /srv/hello.py"])
        expect(await runWithSubIds(place, view.words(["sh", "-c", script], ownTmp))).toEqual(
          await view.run(script),
        );
    } finally {
      place.remove();
    }
  });
});

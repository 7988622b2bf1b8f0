// Owns the choice between the two programs in this one file: the command line, and the container's first process.

if (process.argv[2] === "child") (await import("./child/index.ts")).child(Number(process.argv[3]));
else await (await import("./cli/index.ts")).main();

export {};

// Owns the child's way to say no for a reason that no errno tells.

/** A sentence for the person; the parent prints it as it is. */
export class Refusal extends Error {}

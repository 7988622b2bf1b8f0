// Owns the child's error for a request that it does not carry out, although no kernel call has failed.

/** The message is a sentence for the person, which the parent prints as it is. */
export class Refusal extends Error {}

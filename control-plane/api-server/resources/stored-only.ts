/**
 * Kinds that are stored and served whole, while no controller of ours acts on them yet. Whoever writes one is told so in a `Warning:` header
 * (kubectl prints it): an object that is accepted and then does nothing would be a silent failure.
 */
export const storedOnly = (resource: string) => (): readonly string[] => [`${resource} are stored, but no controller of this cluster acts on them yet`]

interface Node<T> {
  readonly prefix: string
  readonly items: Set<T>
  /** The longest other prefix in the index that this one starts with. */
  parent: Node<T> | undefined
}

/**
 * Items by prefix; finds those whose prefix a key starts with in O(log prefixes + matches). All prefixes of a key lie on the parent chain of
 * the greatest indexed prefix that is not greater than the key: whatever sorts between a prefix of the key and the key starts with that prefix.
 */
export class PrefixIndex<T> {
  readonly #nodes: Node<T>[] = []

  /** The set of items under exactly this prefix, made where it is missing: the caller adds to it and removes from it. */
  open(prefix: string): Set<T> {
    const at = this.#firstAfter(prefix)
    const before = this.#nodes[at - 1]
    if (before?.prefix === prefix) return before.items
    const node: Node<T> = { prefix, items: new Set(), parent: chain(before, prefix) }
    this.#nodes.splice(at, 0, node)
    for (let i = at + 1; i < this.#nodes.length && this.#nodes[i]!.prefix.startsWith(prefix); i++) {
      const child = this.#nodes[i]!
      if (child.parent === node.parent) child.parent = node
    }
    return node.items
  }

  /** Forgets a prefix. */
  drop(prefix: string): void {
    const at = this.#firstAfter(prefix) - 1
    const node = this.#nodes[at]
    if (node?.prefix !== prefix) return
    this.#nodes.splice(at, 1)
    for (let i = at; i < this.#nodes.length && this.#nodes[i]!.prefix.startsWith(prefix); i++) {
      const child = this.#nodes[i]!
      if (child.parent === node) child.parent = node.parent
    }
  }

  /** Calls `visit` with each set whose prefix `key` starts with, longest prefix first. */
  visit(key: string, visit: (items: Set<T>) => void): void {
    for (let node = chain(this.#nodes[this.#firstAfter(key) - 1], key); node; node = node.parent) visit(node.items)
  }

  get size(): number { return this.#nodes.length }

  /** Index of the first node whose prefix is greater than `key`. */
  #firstAfter(key: string): number {
    let low = 0
    let high = this.#nodes.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#nodes[middle]!.prefix <= key) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** The first node on the parent chain from `node` whose prefix `key` starts with. */
function chain<T>(node: Node<T> | undefined, key: string): Node<T> | undefined {
  let found = node
  while (found && !key.startsWith(found.prefix)) found = found.parent
  return found
}

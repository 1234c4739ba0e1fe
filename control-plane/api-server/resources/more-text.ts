/** Lists in a table's cell: the first few, and how many more. Pure. */

export function listWithMore(items: readonly string[], max: number, empty: string): string {
  if (items.length === 0) return empty
  const text = items.slice(0, max).join(',')
  return items.length > max ? `${text} + ${items.length - max} more...` : text
}

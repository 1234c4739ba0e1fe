/** Is a text an IP address? Written here because the rules of resources use no Node module. Pure. */

const v4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/

function isV6(text: string): boolean {
  const halves = text.split('::')
  if (halves.length > 2) return false
  const groups: string[] = halves.flatMap((h) => (h === '' ? [] : h.split(':')))
  const last = groups[groups.length - 1]
  let width = groups.length
  if (last?.includes('.')) {
    if (!v4.test(last)) return false
    groups.pop()
    width++
  }
  return groups.every((g) => /^[0-9a-fA-F]{1,4}$/.test(g)) && (halves.length === 2 ? width < 8 : width === 8)
}

export const isIP = (text: string): boolean => v4.test(text) || (text.includes(':') && isV6(text))

/** `metav1.LabelSelector`, the object form of a selector (`matchLabels`, `matchExpressions`). */
export interface LabelSelectorLike {
  readonly matchLabels?: Readonly<Record<string, string>> | undefined
  readonly matchExpressions?: readonly { readonly key: string; readonly operator: string; readonly values?: readonly string[] | undefined }[] | undefined
}

/** No requirement at all: matches every object. */
export const selectsEverything = (s: LabelSelectorLike): boolean => Object.keys(s.matchLabels ?? {}).length === 0 && (s.matchExpressions ?? []).length === 0

/**
 * Does the selector match these labels? An absent selector matches nothing, an empty one everything (`metav1.LabelSelectorAsSelector`).
 * An operator that does not exist matches nothing: validation refuses it before it is stored.
 */
export function selectsLabels(selector: LabelSelectorLike | undefined, labels: Readonly<Record<string, string>> | undefined): boolean {
  if (!selector) return false
  for (const k in selector.matchLabels) if (labels?.[k] !== selector.matchLabels[k]) return false
  for (const e of selector.matchExpressions ?? []) {
    const value = labels?.[e.key]
    switch (e.operator) {
      case 'In': if (value === undefined || !e.values?.includes(value)) return false; break
      case 'NotIn': if (value !== undefined && e.values?.includes(value)) return false; break
      case 'Exists': if (value === undefined) return false; break
      case 'DoesNotExist': if (value !== undefined) return false; break
      default: return false
    }
  }
  return true
}

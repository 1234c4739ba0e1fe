import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatType } from './cel-type.ts'
import type { CelType } from './cel-type.ts'
import { Budget, CompileError, compile, CostError, evaluate, toJson } from './compile.ts'
import { escapeProperty, schemaType } from './schema-type.ts'
import { CelDuration, CelOptional, CelTimestamp } from './values.ts'
import { formatSeconds, formatTimestamp } from './time.ts'

const schema = {
  type: 'object', required: ['replicas'],
  properties: {
    replicas: { type: 'integer' }, name: { type: 'string', maxLength: 10 }, ratio: { type: 'number' }, at: { type: 'string', format: 'date-time' }, either: { 'x-kubernetes-int-or-string': true }, 'a-b': { type: 'integer' },
    items: { type: 'array', maxItems: 5, items: { type: 'object', properties: { key: { type: 'string', maxLength: 4 }, value: { type: 'number' } } } }, labels: { type: 'object', additionalProperties: { type: 'string' } },
    tags: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
    ports: { type: 'array', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['port'], items: { type: 'object', properties: { port: { type: 'integer' }, name: { type: 'string' } } } },
  },
}
const types: Readonly<Record<string, CelType>> = { self: schemaType(schema, true) as CelType, d: { kind: 'dyn' } }
const self = {
  replicas: 3, name: 'web', ratio: 2, at: '2026-01-02T03:04:05Z', either: '50%', 'a-b': 4, items: [{ key: 'a', value: 1 }, { key: 'b', value: 2.5 }], labels: { x: 'y' }, tags: ['a', 'b'],
  ports: [{ port: 1, name: 'one' }, { port: 2, name: 'two' }], metadata: { name: 'n' },
}
const d = { n: 1, f: 2.5, list: [1, 2, 3], map: { a: { b: null } } }

function shown(value: unknown): unknown {
  if (value instanceof CelOptional) return value.value === undefined ? 'none' : { some: shown(value.value) }
  if (value instanceof CelDuration) return formatSeconds(value.nanos)
  if (value instanceof CelTimestamp) return formatTimestamp(value.nanos)
  return toJson(value as never)
}
const run = (source: string): unknown => shown(evaluate(compile(source, types), { self, d }, types))

describe('evaluation', () => {
  it.each<[string, unknown]>([
    ['1 + 2 * 3 - 4 / 2 % 3', 5], ['-7 / 2', -3], ['-7 % 3', -1], ['7.0 / 2.0', 3.5], ['"a" + "b" == "ab"', true], ['dyn(1) == 1.0 && dyn(1u) == 1 && 1 < 1.5 && 2u > 1', true], ['[1, 2] + [3] == [1, 2, 3]', true],
    ['true || 1 / 0 == 1', true], ['1 / 0 == 1 || true', true], ['false && 1 / 0 == 1', false], ['true ? "a" : "b"', 'a'], ['!false && --1 == 1', true],
    ['r"\\n" + "\\u00e9\\x41\\101" + \'\'\'a"b\'\'\'', '\\néAAa"b'], ['b"\\xff".size() == 1', true], ['0x1F', 31], ['1e3', 1000], ['"é😀".size()', 2],
    ['self.replicas > 1 && self.name == "web"', true], ['self.a__dash__b', 4], ['self.ratio / 4.0', 0.5], ['self.metadata.name', 'n'], ['self.at.getHours()', 3], ['self.at.getDayOfWeek("+23:00")', 6],
    ['has(self.labels.x) && !has(self.labels.z) && !has(d.map.c) && has(d.map.a)', true], ['self.either == "50%" && type(self.either) == string', true], ['self.labels["x"]', 'y'],
    ['self.items.all(i, i.value > 0.5)', true], ['self.items.exists(i, i.value / 0.0 > 1.0 && i.key == "b")', true], ['self.items.exists_one(i, i.key == "a")', true], ['self.items.map(i, i.key)', ['a', 'b']],
    ['self.items.map(i, i.value > 1.0, i.key)', ['b']], ['self.items.filter(i, i.value > 2.0).size()', 1], ['self.labels.map(k, k + self.labels[k])', ['xy']], ['[[1, 2], [3]].map(l, l.map(x, x + 1))', [[2, 3], [4]]],
    ['[1, 2].exists(i, v, i == 1 && v == 2)', true], ['[5, 6].transformList(i, v, i > 0, i * v)', [6]], ['{"a": 1}.transformMap(k, v, v + 1)', { a: 2 }], ['{"a": "b"}.transformMapEntry(k, v, {v: k})', { b: 'a' }],
    ['self.tags == ["b", "a"]', true], ['self.tags + ["b", "c"]', ['a', 'b', 'c']], ['(dyn(self.ports) + [{"port": dyn(2), "name": dyn("zwei")}]).map(p, p.name)', ['one', 'zwei']],
    ['self.tags.exists(t, t in ["b"]) && "x" in self.labels', true], ['d.list[1] == 2 && d.n + 1 == 2 && d.f > 2', true], ['d.?map.?zzz.orValue("q")', 'q'], ['d.?list[?7]', 'none'], ['[?optional.none(), 1]', [1]],
    ['{?"a": optional.of(1), ?"b": optional.none()}', { a: 1 }], ['optional.of(2).optMap(n, n + 1)', { some: 3 }], ['optional.of(2).optFlatMap(n, optional.none())', 'none'], ['optional.ofNonZeroValue("").hasValue()', false],
    ['duration("1h30m")', '5400s'], ['timestamp("2026-01-01T00:00:00.5Z") + duration("1s")', '2026-01-01T00:00:01.5Z'], ['timestamp("2026-01-02T00:00:00Z") - timestamp("2026-01-01T00:00:00Z") == duration("24h")', true],
    ['int("5") + int(3.9) + int(2u)', 10], ['string(1.5) + string(1000000.0) + string(1) + string(true)', '1.51e+061true'], ['double("2.5")', 2.5], ['string(b"abc")', 'abc'], ['bool("true")', true], ['type(1) == int', true],
    ['"hello".charAt(1) + "hello".substring(3)', 'elo'], ['"tacocat".indexOf("c", 3) + "tacocat".lastIndexOf("t")', 10], ['"a,b,c".split(",", 2)', ['a', 'b,c']], ['["a", "b"].join("-")', 'a-b'], ['"aXbX".replace("X", "--", 1)', 'a--bX'],
    ['"  x ".trim() + "Aé".lowerAscii() + "aé".upperAscii()', 'xaéAé'], ['"%s is %d, %.2f, %x, %b %%".format([dyn("a"), 5, 1.5, 255, 5])', 'a is 5, 1.50, ff, 101 %'], ['strings.quote("a\\"b")', '"a\\"b"'],
    ['"abc 123".matches("[0-9]+$")', true], ['"abc 123".find("[0-9]+")', '123'], ['"1 2 3".findAll("[0-9]", 2)', ['1', '2']],
    ['[1, 2, 3].sum() + [3, 1].min() + [3, 1].max()', 10], ['[1, 2, 2].isSorted() && [1, 2, 1].indexOf(1) == 0 && [1, 2, 1].lastIndexOf(1) == 2', true], ['sets.contains([1, 2], [2]) && sets.equivalent([1, 2], [2, 1, 1]) && !sets.intersects([1], [2])', true],
    ['quantity("1.5Gi").isGreaterThan(quantity("1G")) && quantity("100m").add(quantity("900m")).asInteger() == 1 && !isQuantity("x")', true],
    ['ip("::ffff").family() == 6 && ip("127.0.0.1").isLoopback() && ip.isCanonical("::1") && !isIP("1.2.3") && string(ip("2001:db8:0:0:1::")) == "2001:db8:0:0:1::"', true],
    ['cidr("10.0.0.0/8").containsIP("10.1.2.3") && cidr("10.0.0.0/8").containsCIDR("10.1.0.0/16") && cidr("10.1.2.3/8").masked().prefixLength() == 8 && string(cidr("10.1.2.3/8").masked()) == "10.0.0.0/8"', true],
    ['url("https://a.b:8080/c?d=e&d=f").getPort() + url("https://a.b/c?d=e&d=f").getQuery()["d"][1] + url("/p%20q").getEscapedPath()', '8080f/p%20q'], ['isURL("../a") || isURL("http://a")', true],
    ['format.dns1123Label().validate("Not_ok").hasValue() && !format.named("uuid").value().validate("6ba7b810-9dad-11d1-80b4-00c04fd430c8").hasValue()', true],
    ['semver("1.2.3").isLessThan(semver("1.10.0")) && isSemver("v1.0", true) && semver("1.0.0-rc.1").compareTo(semver("1.0.0")) == -1', true],
  ])('%s', (source, expected) => { expect(run(source)).toEqual(expected) })

  it.each([
    ['self.items[9].key', 'index out of bounds: 9'], ['d.map.zzz', 'no such key: zzz'], ['self.labels["q"]', 'no such key: q'], ['1 / (self.replicas - 3) == 1', 'division by zero'], ['9223372036854775807 + self.replicas', 'integer overflow'],
    ['d.n.startsWith("a")', 'no such overload'], ['d.n + "a"', 'no such overload'], ['int("x")', 'strconv.ParseInt: parsing "x": invalid syntax'], ['"a".matches("(" + self.name)', 'error parsing regexp: missing closing )'], ['{"a": 1, "a": 2}.size() == 1', 'insert failed: key a already exists'],
    ['self.items.all(i, i.value / 0.0 > 1.0 && d.q)', 'no such key: q'], ['optional.none().value()', 'optional.none() dereference'], ['"abc".substring(5)', 'index out of range: 5'],
  ])('%s fails: %s', (source, message) => { expect(() => run(source)).toThrow(message) })

  it('reads variables only where they are needed', () => {
    const program = compile('d == 1 || self.replicas > 1', types)
    expect([...program.reads].sort()).toEqual(['d', 'self'])
    expect(evaluate(program, { d: 1, self: () => { throw new Error('read') } }, types)).toBe(true)
  })
})

describe('compilation refuses, in upstream\'s words', () => {
  const expecting = "expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}"
  it.each([
    ['nope', "ERROR: <input>:1:1: undeclared reference to 'nope' (in container '')\n | nope\n | ^"],
    ['self.nope', "ERROR: <input>:1:5: undefined field 'nope'\n | self.nope\n | ....^"],
    ['self.replicas + "a"', "ERROR: <input>:1:15: found no matching overload for '_+_' applied to '(int, string)'\n | self.replicas + \"a\"\n | ..............^"],
    ['1 +', `ERROR: <input>:1:4: Syntax error: mismatched input '<EOF>' ${expecting}\n | 1 +\n | ...^`],
    ['[1].all(x, x)', "ERROR: <input>:1:8: found no matching overload for '_&&_' applied to '(bool, int)'\n | [1].all(x, x)\n | .......^"],
    ['true &&\n  self.name.size("a") > 1', "ERROR: <input>:2:17: found no matching overload for 'size' applied to 'string.(string)'\n |   self.name.size(\"a\") > 1\n | ................^"],
    ['[1, "a"]', "ERROR: <input>:1:5: expected type 'int' but found 'string'\n | [1, \"a\"]\n | ....^"],
    ['self.name.all(c, true)', "ERROR: <input>:1:5: expression of type 'string' cannot be range of a comprehension (must be list, map, or dynamic)\n | self.name.all(c, true)\n | ....^"],
    ['self.replicas.foo', "ERROR: <input>:1:14: type 'int' does not support field selection\n | self.replicas.foo\n | .............^"],
    ['duration("5x")', 'ERROR: <input>:1:10: invalid duration argument\n | duration("5x")\n | .........^'],
    ['"a".matches("[")', 'ERROR: <input>:1:13: invalid matches argument\n | "a".matches("[")\n | ............^'],
    ['[1].map(2, 3)', 'ERROR: <input>:1:9: argument must be a simple name\n | [1].map(2, 3)\n | ........^'],
    ['has(self)', 'ERROR: <input>:1:5: invalid argument to has() macro\n | has(self)\n | ....^'],
  ])('%s', (source, message) => {
    let refused: unknown
    try {
      compile(source, types)
    } catch (e) {
      refused = e
    }
    expect(refused).toBeInstanceOf(CompileError)
    expect((refused as Error).message).toBe(message)
  })

  it.each<[string, string]>([
    ['self.items.map(i, i.key)', 'list(string)'], ['{"a": 1}', 'map(string, int)'], ['self.either', 'dyn'], ['self.at - self.at', 'google.protobuf.Duration'], ['self.?name', 'optional_type(string)'], ['true ? d : 1', 'dyn'], ['[]', 'list(_var0)'],
  ])('%s is of type %s', (source, type) => { expect(formatType(compile(source, types).type)).toBe(type) })

  it('survives any text', () => {
    const words = fc.constantFrom('self', '.', '?', '(', ')', '[', ']', '{', '}', '"a"', '1', '1.5', '+', '-', '!', '&&', '||', ':', ',', 'in', '.all(', 'x', '.map(', 'has(', '==', '\\', '\'', 'b', 'r', '"', '\n', '0x', 'u', '😀')
    fc.assert(fc.property(fc.array(words, { maxLength: 14 }), (parts) => {
      try {
        evaluate(compile(parts.join(''), types), { self, d }, types)
      } catch (e) {
        expect(['CompileError', 'CelError', 'CostError']).toContain((e as Error).name)
      }
    }), { numRuns: 3000 })
  })
})

describe('cost', () => {
  const costOf = (source: string): number => {
    const budget = new Budget(1000)
    evaluate(compile(source, types), { self, d }, types, budget)
    return 1000 - budget.remaining
  }
  // Figures of cel-go's own accounting: identifiers, selections and calls one each, lists ten, maps thirty, text a tenth of its length.
  it.each([['self.replicas > 1', 3], ['1 + 2', 1], ['[1, 2, 3]', 10], ['{"a": 1}', 30], ['self.name.startsWith("w")', 3], ['self.items.all(i, i.value > 0.5)', 15], ['has(self.name)', 1], ['true || self.name == "x"', 0], ['"abcdefghijklmnop".contains("nop")', 2]])('%s costs %d', (source, cost) => {
    expect(costOf(source)).toBe(cost)
  })

  it.each<[string, number, number]>([
    ['self.replicas > 1', 3, 3], ['self.name == "web"', 3, 3], ['self.items.all(i, i.value > 0.5)', 3, 33], ['self.name.matches("^w[a-z]+$")', 5, 17], ['self.tags.all(t, t.startsWith("a"))', 3, Infinity],
  ])('%s is estimated at %d to %d', (source, min, max) => {
    const { min: least, max: most } = compile(source, types).estimate()
    expect(least).toBe(min)
    if (Number.isFinite(max)) expect(most).toBe(max)
    else expect(most).toBeGreaterThan(1_000_000)
  })

  it('never comes to more than the estimate', () => {
    for (const source of ['self.items.exists(i, i.key + "x" == self.name)', 'self.items.map(i, i.key + i.key).filter(k, k.contains("a")).size() > 1', '[self.name, "x"].all(n, n.size() > 0 ? n.matches("a+") : false)', 'self.items.all(i, self.items.all(j, i.key <= j.key))']) {
      expect(costOf(source)).toBeLessThanOrEqual(compile(source, types).estimate().max)
    }
  })

  it('ends what costs too much', () => {
    const many = Array.from({ length: 200 }, (_, i) => i)
    const program = compile('d.all(a, d.all(b, d.all(c, a + b + c >= 0)))', types)
    const budget = new Budget()
    expect(() => evaluate(program, { d: many }, types, budget)).toThrow(CostError)
    expect(budget.remaining).toBeLessThan(10_000_000 - 1_000_000)
  })

  it('a hostile pattern neither hangs nor is short enough to hide', () => {
    const began = performance.now()
    expect(evaluate(compile('d.matches("(x+x+)+y")', types), { d: 'x'.repeat(50_000) }, types)).toBe(false)
    expect(() => evaluate(compile('d.matches("(.?){1000}[bc]$")', types), { d: 'ab'.repeat(100_000) }, types)).toThrow(CostError)
    expect(performance.now() - began).toBeLessThan(2000)
  })

  it('does not grow with depth beyond its limits', () => {
    expect(() => compile('('.repeat(5000), types)).toThrow(/expression recursion limit exceeded: 250/)
    expect(run(Array.from({ length: 500 }, () => 'true').join(' && '))).toBe(true)
  })
})

it.each([['a-b', 'a__dash__b'], ['a.b/c', 'a__dot__b__slash__c'], ['in', '__in__'], ['a__b', 'a__underscores__b'], ['$x', undefined]])('the property %s is written %s', (name, written) => { expect(escapeProperty(name)).toBe(written) })

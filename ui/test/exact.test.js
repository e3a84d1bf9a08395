import assert from "node:assert/strict";
import { test } from "node:test";
import { Exact, compare, isWhole, numberText, parse, stringify } from "../page/exact.js";
import { fieldsOf, parametersOf } from "../page/schema.js";
import { number } from "../page/format.js";

const DIGITS = ["0", "-0", "1", "-1", "1.0", "0.1000", "1e400", "-1E+3", "1e-7", "0.0000001", "9007199254740993", "-9007199254740993", "9223372036854775807", "123456789012345678901234567890", "0.1234567890123456789", "100", "1.5", "3.14", "12345678.123456789", "1000000000000000000000", "5e-324", "0.30000000000000004"];

test("numbers are read and written with the digits they have", () => {
  for (const d of DIGITS) {
    for (const text of [d, `[${d}]`, `{"a":${d},"b":[${d},{"c":${d}}]}`, `[1,${d},"${d}",null,true,false]`]) assert.equal(stringify(parse(text)), text);
  }
});

test("what loses no digits is a plain number, and is what JSON.parse gives", () => {
  for (const text of ['{"n":[1,2.5,-3,0,1e3],"s":"1.0 9007199254740993 \\" \\\\ \\u00e9","o":{},"l":[ ]}', ' [ 1.0 , { "a" : "b" } ] ', '"9007199254740993"']) {
    assert.deepEqual(JSON.parse(JSON.stringify(parse(text), (_, v) => (v instanceof Exact ? Number(v) : v))), JSON.parse(text));
  }
  assert.equal(parse("15"), 15);
  assert.equal(String(parse("9007199254740993")), "9007199254740993");
  assert.equal(parse("1e400") > Number.MAX_VALUE, true);
});

test("JSON that is none is refused, and a key may be called __proto__", () => {
  for (const text of ["", "1.0.0", "{", '{"a":1.0,}', "01", "[1.0", "NaN", "1.0 2"]) assert.throws(() => parse(text), SyntaxError);
  const o = parse('{"__proto__":{"x":1.0},"y":2}');
  assert.equal(stringify(o), '{"__proto__":{"x":1.0},"y":2}');
  assert.equal(o.x, undefined);
});

test("it is written in lines as JSON.stringify does", () => {
  const value = { a: [1, { b: "x" }, []], c: {}, d: null, e: undefined };
  assert.equal(stringify(value, 2), JSON.stringify(value, null, 2));
  assert.equal(stringify(value), JSON.stringify(value));
  assert.equal(stringify(parse('{"n":1.0}'), 2), '{\n  "n": 1.0\n}');
});

test("a number is typed in more ways than JSON has", () => {
  const cases = { "5": "5", "+5": "5", ".5": "0.5", "5.": "5", "007": "7", "-0": "-0", " 1.50 ": "1.50", "1e400": "1e400", "-.25E-3": "-0.25E-3", "": "", ".": "", "1,5": "", "0x10": "", "Infinity": "", "1 2": "", "e5": "" };
  for (const [typed, want] of Object.entries(cases)) assert.equal(numberText(typed), want, typed);
});

test("numbers are compared by all of their digits", () => {
  const rising = ["-1e400", "-9007199254740993", "-9007199254740992", "-1.5", "-0.1", "0", "1e-400", "0.1", "1", "1.00000000000000000001", "9007199254740992", "9007199254740993", "9.1e15", "1e400", "1e401"];
  for (const [i, a] of rising.entries()) for (const [j, b] of rising.entries()) assert.equal(compare(a, b), i === j ? 0 : i < j ? -1 : 1, `${a} and ${b}`);
  assert.equal(compare("1.0", "1"), 0);
  assert.equal(compare("-0", "0.00"), 0);
  assert.equal(compare("100", "1e2"), 0);
  for (const whole of ["0", "-0", "1.0", "1e3", "1.5e1", "123456789012345678901234567890", "1e400"]) assert.equal(isWhole(whole), true, whole);
  for (const part of ["0.1", "1.5", "1e-1", "9007199254740993.5"]) assert.equal(isWhole(part), false, part);
});

test("a field of a number keeps what was typed, and knows its bounds to the digit", () => {
  const fields = fieldsOf(parse('{"properties":{"i":{"type":"integer","minimum":-5,"maximum":9007199254740993},"f":{"type":"number"},"j":{},"e":{"enum":[1,1.0,"x"]}}}'));
  const read = (/** @type {Record<string, any>} */ values) => {
    const { parameters, errors } = parametersOf(fields, values);
    return errors.length > 0 ? errors[0].detail : stringify(parameters);
  };
  for (const d of DIGITS) {
    assert.equal(read({ f: d }), `{"f":${d}}`);
    assert.equal(read({ j: `{"a":[${d}]}` }), `{"j":{"a":[${d}]}}`);
  }
  assert.equal(read({ i: "9007199254740993" }), '{"i":9007199254740993}');
  assert.equal(read({ i: "9007199254740994" }), "must be at most 9007199254740993");
  assert.equal(read({ i: "-5.1" }), "must be a whole number");
  assert.equal(read({ i: "-6" }), "must be at least -5");
  assert.equal(read({ i: "1.0" }), '{"i":1.0}');
  assert.equal(read({ f: "0x10" }), "must be a number");
  assert.equal(read({ e: "1.0" }), '{"e":1.0}');
  assert.equal(read({ e: "x" }), '{"e":"x"}');
});

test("a whole number is shown with all of its digits", () => {
  assert.equal(number(parse("9007199254740993")), "9,007,199,254,740,993");
  assert.equal(number(parse("-123456789012345678901234567890")), "-123,456,789,012,345,678,901,234,567,890");
  assert.equal(number(1234), "1,234");
  assert.equal(number(parse("1.0")), "1");
  assert.equal(number(parse("1e400")), "1e400");
});

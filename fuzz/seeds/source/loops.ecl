const LIMITS = [10, 20.5, 3e1];
fn fib(n: number) -> number { if n < 2 { return n; } return fib(n - 1) + fib(n - 2); }
policy first(xs: [number], name: string?) {
    let total = 0;
    for x in xs { if x < 0 { continue; } total = total + x; if total > 1_000 { break; } }
    for i in 0..3 { total = total + LIMITS[i] * fib(i); }
    let n = array_len(xs);
    while n > 0 { n = n - 1; }
    require any(x in xs, x == 1) || count(x in xs, x > 2) >= 1 && !all(x in xs, x != 3), "nothing \u{1F600}";
    return str_len(name ?? "none") < 9 ? total % 7 != 1 : name == null;
}

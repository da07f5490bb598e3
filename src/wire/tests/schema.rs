//! Keys found, whether few or many, in any order.

use super::*;

#[test]
fn few_and_many_keys_in_any_order() {
    for count in [0, 1, 2, 9, 10, 40, 1_024] {
        let names: Vec<String> = (0..count).map(|n| format!("input_{n}")).collect();
        let inputs: Vec<String> = names.iter().map(|name| format!("{name}: number")).collect();
        let schema = Schema::new(&program(&inputs.join(", ")), false);
        let bump = Bump::new();
        let want: Vec<ValueRef<'_>> = (0..count).map(|n| ValueRef::Number(n as f64)).collect();
        for backwards in [false, true] {
            let mut pairs: Vec<String> =
                names.iter().zip(0..).map(|(name, n)| format!("\"{name}\":{n}")).collect();
            pairs.push("\"realm\":\"r\"".into());
            if backwards {
                pairs.reverse();
            }
            let line = format!("{{{}}}", pairs.join(","));
            let request = decode_line(&schema, line.as_bytes(), &bump, Defaults::default()).unwrap();
            assert_eq!(request.inputs, want);
            assert_eq!(request.realm, ValueRef::Text("r"));
            assert!(!request.unknown_keys);
        }
        let unknown =
            decode_line(&schema, br#"{"input_":0,"input_x":1}"#, &bump, Defaults::default()).unwrap();
        assert!(unknown.unknown_keys);
    }
}

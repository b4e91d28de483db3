//! What one description gives in both codecs.

use dialect::{Any, Bytes, Dict, List, Nanos, json, msgpack, record};

record! {
    pub struct Indexes {
        create: u64 = "CreateIndex",
        modify: u64 = "ModifyIndex",
    }

    pub struct Locality {
        region: String = "Region" [omit],
        zone: String = "Zone" [omit],
    }

    /// Every option once.
    pub struct Everything {
        /// Documented.
        id: String = "ID",
        r#type: String = "Id" [json = "Kind", alias = "kind_name", alias = "k"],
        peer: String = "PeerName" [omit],
        tags: List<String> = "Tags" [nil_empty],
        meta: Dict<String> = "Meta",
        locality: Option<Box<Locality>> = "Locality" [omit, lax],
        strict: Option<Box<Locality>> = "Strict" [omit],
        wait: Nanos = "Wait",
        value: Bytes = "Value",
        blob: Option<Bytes> = "Blob",
        extra: Any = "Extra",
        secret: u64 = "Secret" [no_json, wire_omit],
        local: bool = "Local" [no_wire],
        #flatten indexes: Indexes,
    }

    pub struct Nothing {}
}

fn full() -> Everything {
    Everything {
        id: "a<b".into(),
        r#type: "t".into(),
        peer: "p".into(),
        tags: List::from(["x".to_owned()]),
        meta: Dict::from([("k".to_owned(), "v".to_owned())]),
        locality: Some(Box::new(Locality {
            region: "r".into(),
            ..Locality::default()
        })),
        wait: Nanos::from_secs(1),
        value: Bytes::from_static(b"\xff\x00"),
        blob: Some(Bytes::new()),
        extra: Any::List(vec![
            Any::Float(1.5),
            Any::Null,
            Any::Map(Default::default()),
        ]),
        secret: 300,
        local: true,
        indexes: Indexes {
            create: 1,
            modify: 2,
        },
        ..Everything::default()
    }
}

#[test]
fn json_output_follows_the_declaration() {
    assert_eq!(
        json::to_string(&full()),
        r#"{"ID":"a\u003cb","Kind":"t","PeerName":"p","Tags":["x"],"Meta":{"k":"v"},"Locality":{"Region":"r"},"Wait":1000000000,"Value":"/wA=","Blob":"","Extra":[1.5,null,{}],"Local":true,"CreateIndex":1,"ModifyIndex":2}"#
    );
    assert_eq!(
        json::to_string(&Everything::default()),
        r#"{"ID":"","Kind":"","Tags":[],"Meta":null,"Wait":0,"Value":null,"Blob":null,"Extra":null,"Local":false,"CreateIndex":0,"ModifyIndex":0}"#
    );
    assert_eq!(json::to_string(&Nothing {}), "{}");
}

#[test]
fn pretty_output_is_marshal_indent() {
    let mut value = Everything {
        tags: List::empty(),
        ..Everything::default()
    };
    value.meta.insert("a", "b".to_owned());
    let text = String::from_utf8(json::to_vec_pretty(&value)).unwrap();
    assert!(text.starts_with("{\n    \"ID\": \"\",\n    \"Kind\": \"\",\n    \"Tags\": [],\n    \"Meta\": {\n        \"a\": \"b\"\n    },\n"));
    assert!(text.ends_with("\"ModifyIndex\": 0\n}"));
}

#[test]
fn msgpack_is_sorted_and_complete() {
    let bytes = msgpack::to_vec(&full());
    let value: msgpack::Value = msgpack::from_slice(&bytes).unwrap();
    let msgpack::Value::Map(pairs) = &value else {
        panic!("not a map")
    };
    let keys: Vec<_> = pairs.iter().filter_map(|(key, _)| key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "Blob",
            "CreateIndex",
            "Extra",
            "ID",
            "Id",
            "Locality",
            "Meta",
            "ModifyIndex",
            "PeerName",
            "Secret",
            "Strict",
            "Tags",
            "Value",
            "Wait"
        ]
    );
    let back: Everything = msgpack::from_slice(&bytes).unwrap();
    assert_eq!(
        back,
        Everything {
            local: false,
            ..full()
        }
    );
    assert_eq!(msgpack::to_vec(&value), bytes);

    let empty = msgpack::to_vec(&Everything::default());
    assert_eq!(empty.first(), Some(&0x8d), "wire_omit leaves Secret out");
    assert_eq!(
        msgpack::from_slice::<Everything>(&empty),
        Ok(Everything::default())
    );
    assert_eq!(msgpack::to_vec(&Nothing {}), [0x80]);
}

#[test]
fn msgpack_input_is_forgiving() {
    // Array form in declaration order, nil, unknown keys, unsorted keys.
    assert_eq!(
        msgpack::from_slice(&[0x92, 7, 8]),
        Ok(Indexes {
            create: 7,
            modify: 8
        })
    );
    assert_eq!(msgpack::from_slice(&[0xc0]), Ok(Indexes::default()));
    let unsorted = b"\x83\xabModifyIndex\xcc\x02\xa1x\x92\xc0\xc0\xabCreateIndex\xd1\x00\x01";
    assert_eq!(
        msgpack::from_slice(unsorted),
        Ok(Indexes {
            create: 1,
            modify: 2
        })
    );
    let negative = b"\x81\xabCreateIndex\xff";
    assert!(matches!(
        msgpack::from_slice::<Indexes>(negative),
        Err(msgpack::Error::Overflow { .. })
    ));
}

#[test]
fn json_input_is_case_insensitive_and_last_wins() {
    let text = br#" {"id":"1","ID":"2","KIND_NAME":"k","tags":["a"],"meta":null,"Wait":"1m","value":"AQI=",
        "locality":{"Region":"r","Bogus":1},"createindex":18446744073709551615,"extra":{"n":1}} trailing"#;
    let value: Everything = json::from_slice(text, json::Mode::Strict).unwrap();
    assert_eq!(value.id, "2");
    assert_eq!(value.r#type, "k");
    assert_eq!(value.tags, List::from(["a".to_owned()]));
    assert!(value.meta.is_nil());
    assert_eq!(value.wait, Nanos::from_secs(60));
    assert_eq!(value.value, Bytes::from_static(&[1, 2]));
    assert_eq!(value.locality.unwrap().region, "r");
    assert_eq!(value.indexes.create, u64::MAX);
    assert_eq!(
        value.extra,
        Any::Map([("n".to_owned(), Any::Float(1.0))].into())
    );
}

#[test]
fn json_errors_are_the_originals() {
    let error = |text: &str| {
        json::from_slice::<Everything>(text.as_bytes(), json::Mode::Strict)
            .unwrap_err()
            .to_string()
    };
    for (text, wanted) in [
        ("", "EOF"),
        ("  ", "EOF"),
        ("{", "unexpected EOF"),
        (r#"{"ID":"#, "unexpected EOF"),
        (
            "nope",
            "invalid character 'o' in literal null (expecting 'u')",
        ),
        (
            "{bad}",
            "invalid character 'b' looking for beginning of object key string",
        ),
        (
            "{'a':1}",
            r"invalid character '\'' looking for beginning of object key string",
        ),
        (
            "[1,]",
            "invalid character ']' looking for beginning of value",
        ),
        (
            r#"{"ID":1,}"#,
            "invalid character '}' looking for beginning of object key string",
        ),
        (r#"{"ID" 1}"#, "invalid character '1' after object key"),
        (
            r#"{"ID":"x" 1}"#,
            "invalid character '1' after object key:value pair",
        ),
        ("[01]", "invalid character '1' after array element"),
        ("\"\n\"", r"invalid character '\n' in string literal"),
        (r#""\x""#, "invalid character 'x' in string escape code"),
        ("-x", "invalid character 'x' in numeric literal"),
        (
            "\u{8e}",
            r"invalid character 'Â' looking for beginning of value",
        ),
        (r#"{"Bogus":1}"#, r#"json: unknown field "Bogus""#),
        (r#"{"Secret":1}"#, r#"json: unknown field "Secret""#),
        (
            r#"{"Strict":{"Bogus":1}}"#,
            r#"json: unknown field "Bogus""#,
        ),
        (
            r#"{"ID":1}"#,
            "json: cannot unmarshal number into Go struct field Everything.ID of type string",
        ),
        (
            r#"{"CreateIndex":1.5}"#,
            "json: cannot unmarshal number 1.5 into Go struct field Everything.CreateIndex of type uint64",
        ),
        (
            r#"{"Strict":{"Zone":[]}}"#,
            "json: cannot unmarshal array into Go struct field Locality.Strict.Zone of type string",
        ),
        (
            r#"{"Tags":{}}"#,
            "json: cannot unmarshal object into Go struct field Everything.Tags of type []string",
        ),
        (
            r#"[]"#,
            "json: cannot unmarshal array into Go value of type structs.Everything",
        ),
        (r#"{"Wait":"10"}"#, r#"time: missing unit in duration "10""#),
        (r#"{"Wait":""}"#, r#"time: invalid duration """#),
    ] {
        assert_eq!(error(text), wanted, "{text}");
    }
    let lax: Everything =
        json::from_slice(br#"{"Bogus":[1,{"a":"]"}],"ID":"x"}"#, json::Mode::Lax).unwrap();
    assert_eq!(lax.id, "x");
}

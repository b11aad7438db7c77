//! Every spelling, and what must hold of all.

use proptest::prelude::*;

use super::*;

fn number(text: &str) -> Number {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn beijing() -> Numbering {
    Numbering { area: Some("10".into()), ..Numbering::default() }
}

/// As written; kind; matched as; shown as. Read in Beijing.
const SPELLINGS: &[(&str, Kind, &str, &str)] = &[
    // One mobile.
    ("13800138000", Kind::Mobile, "+8613800138000", "13800138000"),
    ("013800138000", Kind::Mobile, "+8613800138000", "13800138000"),
    ("8613800138000", Kind::Mobile, "+8613800138000", "13800138000"),
    ("+8613800138000", Kind::Mobile, "+8613800138000", "13800138000"),
    ("008613800138000", Kind::Mobile, "+8613800138000", "13800138000"),
    ("+86013800138000", Kind::Mobile, "+8613800138000", "13800138000"),
    ("86013800138000", Kind::Mobile, "+8613800138000", "13800138000"),
    ("+86-138-0013-8000", Kind::Mobile, "+8613800138000", "13800138000"),
    ("138.0013.8000", Kind::Mobile, "+8613800138000", "13800138000"),
    ("138-0013-8000", Kind::Mobile, "+8613800138000", "13800138000"),
    // Others, of every range.
    ("14500000000", Kind::Mobile, "+8614500000000", "14500000000"),
    ("15912345678", Kind::Mobile, "+8615912345678", "15912345678"),
    ("16612345678", Kind::Mobile, "+8616612345678", "16612345678"),
    ("17012345678", Kind::Mobile, "+8617012345678", "17012345678"),
    ("18812345678", Kind::Mobile, "+8618812345678", "18812345678"),
    ("19912345678", Kind::Mobile, "+8619912345678", "19912345678"),
    // A landline in Beijing.
    ("01088886666", Kind::Landline, "+861088886666", "01088886666"),
    ("88886666", Kind::Landline, "+861088886666", "01088886666"),
    ("861088886666", Kind::Landline, "+861088886666", "01088886666"),
    ("8601088886666", Kind::Landline, "+861088886666", "01088886666"),
    ("+861088886666", Kind::Landline, "+861088886666", "01088886666"),
    ("+8601088886666", Kind::Landline, "+861088886666", "01088886666"),
    ("00861088886666", Kind::Landline, "+861088886666", "01088886666"),
    ("010-8888-6666", Kind::Landline, "+861088886666", "01088886666"),
    // Elsewhere: eight digits, and seven.
    ("02155556666", Kind::Landline, "+862155556666", "02155556666"),
    ("075586543210", Kind::Landline, "+8675586543210", "075586543210"),
    ("8675586543210", Kind::Landline, "+8675586543210", "075586543210"),
    ("+8675586543210", Kind::Landline, "+8675586543210", "075586543210"),
    ("08512345678", Kind::Landline, "+868512345678", "08512345678"),
    ("868512345678", Kind::Landline, "+868512345678", "08512345678"),
    ("86123456", Kind::Landline, "+861086123456", "01086123456"),
    // 400 and 800 numbers.
    ("4008001234", Kind::Service, "4008001234", "4008001234"),
    ("04008001234", Kind::Service, "4008001234", "4008001234"),
    ("864008001234", Kind::Service, "4008001234", "4008001234"),
    ("+864008001234", Kind::Service, "4008001234", "4008001234"),
    ("00864008001234", Kind::Service, "4008001234", "4008001234"),
    ("400-800-1234", Kind::Service, "4008001234", "4008001234"),
    ("+4008001234", Kind::Service, "4008001234", "4008001234"),
    ("8008101234", Kind::Service, "8008101234", "8008101234"),
    ("+868008101234", Kind::Service, "8008101234", "8008101234"),
    // 700 numbers of fifteen digits.
    ("700123456789012", Kind::Protected, "700123456789012", "700123456789012"),
    ("0700123456789012", Kind::Protected, "700123456789012", "700123456789012"),
    ("86700123456789012", Kind::Protected, "700123456789012", "700123456789012"),
    ("+86700123456789012", Kind::Protected, "700123456789012", "700123456789012"),
    ("0086700123456789012", Kind::Protected, "700123456789012", "700123456789012"),
    // Short codes.
    ("110", Kind::Short, "110", "110"),
    ("10086", Kind::Short, "10086", "10086"),
    ("12345", Kind::Short, "12345", "12345"),
    ("95588", Kind::Short, "95588", "95588"),
    ("96110", Kind::Short, "96110", "96110"),
    ("+8695588", Kind::Short, "95588", "95588"),
    ("008610010", Kind::Short, "10010", "10010"),
    ("01095588", Kind::Short, "95588", "95588"),
    ("01012345", Kind::Landline, "+861012345", "01012345"),
    ("02196110", Kind::Landline, "+862196110", "02196110"),
    // Abroad.
    ("+442079460000", Kind::International, "+442079460000", "00442079460000"),
    ("00442079460000", Kind::International, "+442079460000", "00442079460000"),
    ("+85223456789", Kind::International, "+85223456789", "0085223456789"),
    ("+14155550123", Kind::International, "+14155550123", "0014155550123"),
    ("+8612", Kind::Unknown, "+8612", "+8612"),
    ("+86199", Kind::Unknown, "+86199", "+86199"),
    ("+8600000000", Kind::International, "+8600000000", "008600000000"),
    // Withheld.
    ("anonymous", Kind::Withheld, "anonymous", "anonymous"),
    ("Anonymous", Kind::Withheld, "anonymous", "anonymous"),
    ("unavailable", Kind::Withheld, "anonymous", "anonymous"),
    ("Restricted", Kind::Withheld, "anonymous", "anonymous"),
    // Ours, and what we do not know.
    ("801001", Kind::Unknown, "801001", "801001"),
    ("8000", Kind::Unknown, "8000", "8000"),
    ("*11", Kind::Unknown, "*11", "*11"),
    ("reception", Kind::Unknown, "reception", "reception"),
    ("75586543210", Kind::Unknown, "75586543210", "75586543210"),
    ("913800138000", Kind::Unknown, "913800138000", "913800138000"),
    ("400800123", Kind::Unknown, "400800123", "400800123"),
    ("70012345678901", Kind::Unknown, "70012345678901", "70012345678901"),
    ("00", Kind::Unknown, "00", "00"),
    ("+", Kind::Unknown, "+", "+"),
];

#[test]
fn every_spelling_is_the_number_it_stands_for() {
    assert!(SPELLINGS.len() >= 60);
    let numbering = beijing();
    let mut wrong = String::new();
    for &(written, kind, canonical, display) in SPELLINGS {
        let read = numbering.read(&number(written));
        let expected = Reading { kind, canonical: number(canonical), display: number(display) };
        if read != expected {
            let (canonical, display) = (read.canonical, read.display);
            wrong += &format!("{written}: {:?} {canonical} {display}\n", read.kind);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn without_an_area_of_our_own_a_local_number_stays_what_it_is() {
    let read = Numbering::default().read(&number("88886666"));
    assert_eq!((read.kind, read.canonical), (Kind::Unknown, number("88886666")));
}

#[test]
fn in_a_smaller_place_local_numbers_have_seven_digits_or_eight() {
    let zunyi = Numbering { area: Some("851".into()), ..Numbering::default() };
    assert_eq!(zunyi.canonical(&number("2345678")), number("+868512345678"));
    assert_eq!(zunyi.canonical(&number("22345678")), number("+8685122345678"));
    assert_eq!(beijing().canonical(&number("2345678")), number("2345678"));
}

#[test]
fn a_trunk_says_what_its_digits_mean() {
    let numbering = beijing();
    let read = |written: &str, form| numbering.read_as(&number(written), form).canonical;
    // Hong Kong to whoever writes country codes; to nobody else.
    assert_eq!(read("85223456789", InboundForm::E164), number("+85223456789"));
    assert_eq!(read("85223456789", InboundForm::Any), number("85223456789"));
    assert_eq!(read("8613800138000", InboundForm::E164), number("+8613800138000"));
    assert_eq!(read("8613800138000", InboundForm::National), number("8613800138000"));
    assert_eq!(read("+8613800138000", InboundForm::National), number("+8613800138000"));
    for form in [InboundForm::Any, InboundForm::National, InboundForm::E164] {
        assert_eq!(read("4008001234", form), number("4008001234"));
        assert_eq!(read("+864008001234", form), number("4008001234"));
    }
}

#[test]
fn what_a_carrier_puts_before_calling_numbers_is_taken_away() {
    let numbering = beijing();
    let inbound = Inbound { strip: 2, ..Inbound::default() };
    let read = |written: &str, inbound| numbering.caller(&number(written), inbound).canonical;
    assert_eq!(read("9913800138000", &inbound), number("+8613800138000"));
    assert_eq!(read("99", &inbound), number("99"));
    assert_eq!(read("anonymous", &inbound), number("anonymous"));
    let inbound = Inbound { prefix: "0".into(), ..Inbound::default() };
    assert_eq!(read("75586543210", &inbound), number("+8675586543210"));
}

#[test]
fn a_carrier_gets_numbers_as_it_wants_them() {
    let numbering = beijing();
    let called = |written: &str, form, strip, prefix: &str| {
        numbering.called(&number(written), &Outbound { form, strip, prefix: prefix.into() })
    };
    for (form, mobile, landline, service) in [
        (OutboundForm::AsDialled, "013800138000", "88886666", "4008001234"),
        (OutboundForm::National, "13800138000", "01088886666", "4008001234"),
        (OutboundForm::E164, "8613800138000", "861088886666", "4008001234"),
        (OutboundForm::PlusE164, "+8613800138000", "+861088886666", "4008001234"),
    ] {
        assert_eq!(called("013800138000", form, 0, ""), Some(number(mobile)));
        assert_eq!(called("88886666", form, 0, ""), Some(number(landline)));
        assert_eq!(called("4008001234", form, 0, ""), Some(number(service)));
    }
    assert_eq!(called("01088886666", OutboundForm::National, 1, ""), Some(number("1088886666")));
    assert_eq!(called("13800138000", OutboundForm::E164, 0, "77"), Some(number("778613800138000")));
    assert_eq!(called("110", OutboundForm::National, 3, ""), None);
    assert_eq!(called(&"1".repeat(32), OutboundForm::AsDialled, 0, "9"), None);
}

#[test]
fn no_spelling_of_a_400_or_800_number_passes_for_another() {
    for (written, kind, ..) in SPELLINGS {
        let is_service = Numbering::default().is_service(&number(written));
        assert_eq!(is_service, *kind == Kind::Service, "{written}");
    }
}

#[test]
fn another_country_has_a_plan_of_its_own() {
    let britain =
        Numbering { country: "44".into(), trunk_prefix: "0".into(), area: Some("20".into()) };
    for written in ["+442079460000", "02079460000", "00442079460000", "79460000"] {
        let read = britain.read(&number(written));
        assert_eq!(
            (read.canonical, read.display),
            (number("+442079460000"), number("02079460000"))
        );
    }
    assert_eq!(britain.read(&number("4008001234")).kind, Kind::Unknown);
    let read = britain.read(&number("+8613800138000"));
    assert_eq!((read.kind, read.display), (Kind::International, number("008613800138000")));
}

/// Numbers as they come: digits with something before them, and anything that is a number.
fn written() -> impl Strategy<Value = String> {
    let digits = "(\\+|00|0|86|\\+86|0086|860|400|800|700|95|10|1[3-9]|2[0-9]|)[0-9]{1,20}";
    let dashed = "[0-9+]{1,6}[-.][0-9]{1,6}[-.][0-9]{1,6}";
    prop_oneof![4 => digits, 1 => dashed, 1 => "[0-9A-Za-z+*#._-]{1,32}"]
}

fn anywhere() -> impl Strategy<Value = Numbering> {
    let area = prop_oneof![Just(None), Just(Some("10")), Just(Some("755")), Just(Some("20"))];
    let country = prop_oneof![3 => Just("86"), 1 => Just("44"), 1 => Just("1"), 1 => Just("852")];
    let prefix = prop_oneof![3 => Just("0"), 1 => Just("1"), 1 => Just("")];
    (country, prefix, area).prop_map(|(country, trunk_prefix, area)| Numbering {
        country: country.into(),
        trunk_prefix: if country == "86" { "0".into() } else { trunk_prefix.into() },
        area: area.map(str::to_owned),
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 20_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn what_is_normalised_stays_so(text in written(), numbering in anywhere()) {
        let Ok(number) = text.parse::<Number>() else { return Ok(()) };
        let once = numbering.read(&number);
        let again = numbering.read(&once.canonical);
        prop_assert_eq!(&again.canonical, &once.canonical, "{} {:?}", text, numbering);
        prop_assert_eq!(&again.display, &once.display, "{} {:?}", text, numbering);
    }

    #[test]
    fn what_is_shown_in_china_is_the_same_number(text in written(), area in "10|21|755|851") {
        let Ok(number) = text.parse::<Number>() else { return Ok(()) };
        let numbering = Numbering { area: Some(area), ..Numbering::default() };
        let once = numbering.read(&number);
        prop_assert_eq!(numbering.canonical(&once.display), once.canonical, "{}", text);
    }

    #[test]
    fn every_form_of_a_number_is_the_same_number(text in written()) {
        let Ok(number) = text.parse::<Number>() else { return Ok(()) };
        let numbering = Numbering::default();
        let canonical = numbering.canonical(&number);
        for form in [OutboundForm::National, OutboundForm::PlusE164] {
            let written = numbering.written(&number, form);
            prop_assert_eq!(numbering.canonical(&written), canonical.clone(), "{}", text);
        }
        let digits = numbering.written(&number, OutboundForm::E164);
        let read = numbering.read_as(&digits, InboundForm::E164).canonical;
        if !matches!(numbering.read(&number).kind, Kind::Unknown | Kind::Short) {
            prop_assert_eq!(read, canonical, "{}", text);
        }
    }
}

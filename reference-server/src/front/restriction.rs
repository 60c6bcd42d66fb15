//! Parts of a protocol that only clients with a header may use.

use std::str::FromStr;

use http::HeaderName;

/// The parts of the protocols, by the names that Triton's flags give them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// Liveness and readiness.
    Health,
    /// What the server and models tell about themselves.
    Metadata,
    /// Inference.
    Inference,
    /// Registered regions.
    SharedMemory,
    /// Configurations of models.
    ModelConfig,
    /// Index, load, unload.
    ModelRepository,
    /// Statistics.
    Statistics,
    /// Trace settings.
    Trace,
    /// Settings of the log.
    Logging,
}

const NAMES: [(&str, Api); 9] = [
    ("health", Api::Health),
    ("metadata", Api::Metadata),
    ("inference", Api::Inference),
    ("shared-memory", Api::SharedMemory),
    ("model-config", Api::ModelConfig),
    ("model-repository", Api::ModelRepository),
    ("statistics", Api::Statistics),
    ("trace", Api::Trace),
    ("logging", Api::Logging),
];

/// One restriction: `API[,API…]:KEY=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restriction {
    apis: Vec<Api>,
    key: String,
    value: String,
}

impl FromStr for Restriction {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (apis, header) = text
            .split_once(':')
            .ok_or_else(|| format!("'{text}' is not of the form API[,API…]:KEY=VALUE"))?;
        let (key, value) = header
            .split_once('=')
            .ok_or_else(|| format!("'{header}' is not of the form KEY=VALUE"))?;
        if HeaderName::from_str(key).is_err() {
            return Err(format!("'{key}' cannot be the name of a header"));
        }
        let apis = apis.split(',').map(|name| {
            let known = NAMES.iter().find(|(known, _)| *known == name);
            known.map(|(_, api)| *api).ok_or_else(|| {
                let names: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
                format!("'{name}' is none of {}", names.join(", "))
            })
        });
        Ok(Self {
            apis: apis.collect::<Result<_, _>>()?,
            key: key.to_owned(),
            value: value.to_owned(),
        })
    }
}

/// The name of a part that two of the restrictions name, which nobody could use then.
pub fn named_twice(restrictions: &[Restriction]) -> Option<&'static str> {
    let restricts = |api| {
        let apis = restrictions
            .iter()
            .flat_map(|restriction| &restriction.apis);
        apis.filter(|restricted| **restricted == api).count()
    };
    let mut names = NAMES.into_iter();
    names.find_map(|(name, api)| (restricts(api) > 1).then_some(name))
}

/// The header that a client lacks for a part of the protocol: its name with `prefix` in front. `header`
/// gives the value of a header of the request.
pub fn missing_header<'a>(
    restrictions: &[Restriction],
    api: Api,
    prefix: &str,
    header: impl Fn(&str) -> Option<&'a [u8]>,
) -> Option<String> {
    let restriction = restrictions
        .iter()
        .find(|restriction| restriction.apis.contains(&api))?;
    let name = format!("{prefix}{}", restriction.key);
    let is_given = header(&name).is_some_and(|given| same(given, restriction.value.as_bytes()));
    (!is_given).then_some(name)
}

/// Whether two texts are the same, in a time that does not tell where they differ.
fn same(given: &[u8], expected: &[u8]) -> bool {
    let differences = given
        .iter()
        .zip(expected)
        .fold(0, |differences, (a, b)| differences | (a ^ b));
    given.len() == expected.len() && std::hint::black_box(differences) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restriction_names_parts_and_a_header() {
        let restriction: Restriction = "health,model-config:key=a=b".parse().unwrap();
        assert_eq!(restriction.apis, [Api::Health, Api::ModelConfig]);
        assert_eq!(
            (&restriction.key[..], &restriction.value[..]),
            ("key", "a=b")
        );
        for (bad, expected) in [
            ("health", "API[,API…]:KEY=VALUE"),
            ("health:key", "KEY=VALUE"),
            ("health,heath:k=v", "'heath' is none of health, metadata"),
            (":k=v", "'' is none of"),
            ("health:a b=v", "name of a header"),
        ] {
            let error = bad.parse::<Restriction>().unwrap_err();
            assert!(error.contains(expected), "{bad}: {error}");
        }
        let twice = [restriction, "health:other=c".parse().unwrap()];
        assert_eq!(named_twice(&twice), Some("health"));
        assert_eq!(named_twice(&twice[..1]), None);
    }

    #[test]
    fn only_the_value_opens_a_part_and_others_are_open() {
        let restrictions = ["inference:key=secret".parse().unwrap()];
        let missing = |api, value: Option<&'static str>| {
            missing_header(&restrictions, api, "x-", |name| {
                assert_eq!(name, "x-key");
                value.map(str::as_bytes)
            })
        };
        assert_eq!(missing(Api::Inference, Some("secret")), None);
        for wrong in [
            None,
            Some(""),
            Some("secre"),
            Some("secret1"),
            Some("Secret"),
        ] {
            assert_eq!(
                missing(Api::Inference, wrong),
                Some("x-key".into()),
                "{wrong:?}"
            );
        }
        assert_eq!(missing(Api::Health, None), None);
    }
}

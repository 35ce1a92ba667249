//! From the one name of a foreign benchmark to group, function and value.

use std::collections::HashSet;

use regex::Regex;

use crate::benchmark::Id;
use crate::error::Error;

/// What foreign names mean: rules, of which the first that matches counts.
///
/// A rule is `REGEX=GROUP/FUNCTION/VALUE`. The last `=` parts the two sides and
/// the last two `/` part the names, for an expression may hold the one and a
/// group the other. `$1`, `${1}` and `${name}` stand for what the expression's
/// groups matched, and `$$` for a dollar. An empty function or value is none.
///
/// ```
/// use report::foreign::Mapping;
/// let rules = [r"^sum/(?<how>\w+)/(\d+)$=threads/sum/python_${how}/$2".to_owned()];
/// let id = Mapping::new(&rules)?.id("sum/loop/1000").expect("the rule matches");
/// assert_eq!(id.group, "threads/sum");
/// assert_eq!((id.function.as_str(), id.value.as_str()), ("python_loop", "1000"));
/// # Ok::<(), report::error::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Mapping(Vec<Rule>);

#[derive(Clone, Debug)]
struct Rule {
    pattern: Regex,
    group: String,
    function: String,
    value: String,
}

impl Mapping {
    /// Understands rules.
    ///
    /// # Errors
    /// [`Error::Usage`] that tells the first rule that makes no sense, and why.
    pub fn new(rules: &[String]) -> Result<Self, Error> {
        let rule = |text: &String| {
            parse(text).map_err(|why| Error::Usage(format!("the name mapping {text:?} {why}")))
        };
        rules.iter().map(rule).collect::<Result<_, _>>().map(Self)
    }

    /// What a name means by the first rule that matches; `None` if none does.
    pub fn id(&self, name: &str) -> Option<Id> {
        self.0.iter().find_map(|rule| {
            let matched = rule.pattern.captures(name)?;
            let expand = |template: &str| {
                let mut text = String::new();
                matched.expand(template, &mut text);
                text
            };
            Some(Id {
                group: expand(&rule.group),
                function: expand(&rule.function),
                value: expand(&rule.value),
            })
        })
    }
}

fn parse(text: &str) -> Result<Rule, String> {
    const SHAPE: &str = "is not of the form REGEX=GROUP/FUNCTION/VALUE";
    let (pattern, template) = text.rsplit_once('=').ok_or(SHAPE)?;
    let mut parts = template.rsplitn(3, '/');
    let (Some(value), Some(function), Some(group)) = (parts.next(), parts.next(), parts.next())
    else {
        return Err(SHAPE.into());
    };
    if group.is_empty() {
        return Err("names no group".into());
    }
    let pattern = Regex::new(pattern).map_err(|e| format!("has no good expression: {e}"))?;
    let known: HashSet<&str> = pattern.capture_names().flatten().collect();
    // The library expands what it does not know to nothing, and takes `$1_x`
    // for a group of that name: names would silently run into one.
    for reference in [group, function, value].into_iter().flat_map(references) {
        let is_known = match reference.parse::<usize>() {
            Ok(number) => number < pattern.captures_len(),
            Err(_) => known.contains(reference),
        };
        if !is_known {
            let advice = if template.contains(&format!("${{{reference}}}")) {
                ""
            } else {
                "; braces tell where a name ends, as in ${1}_x"
            };
            return Err(format!("uses ${reference}, which its expression does not have{advice}"));
        }
    }
    let [group, function, value] = [group, function, value].map(str::to_owned);
    Ok(Rule { pattern, group, function, value })
}

/// The groups that a template refers to, read as [`regex::Captures::expand`]
/// reads it.
fn references(template: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = template;
    while let Some((_, after)) = rest.split_once('$') {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        rest = after;
        if let Some(after) = rest.strip_prefix('$') {
            rest = after;
        } else if let Some((name, after)) = rest.strip_prefix('{').and_then(|r| r.split_once('}')) {
            found.push(name);
            rest = after;
        } else {
            let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
            if end > 0 {
                found.push(&rest[..end]);
            }
            rest = &rest[end..];
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(rule: &str, name: &str) -> Option<(String, String, String)> {
        let mapping = Mapping::new(&[rule.to_owned()]).expect("a good rule");
        mapping.id(name).map(|id| (id.group, id.function, id.value))
    }

    fn names(group: &str, function: &str, value: &str) -> Option<(String, String, String)> {
        Some((group.into(), function.into(), value.into()))
    }

    #[test]
    fn the_last_equals_sign_and_the_last_two_slashes() {
        let rule = "--size=([0-9]+)$=a/b/c/${1}_x/$1";
        assert_eq!(id(rule, "sort --size=10"), names("a/b/c", "10_x", "10"));
        assert_eq!(id(rule, "sort --size=x"), None);
        assert_eq!(id("x=g//", "xyz"), names("g", "", ""));
        assert_eq!(id("(.*)=g/$$1/", "x/y"), names("g", "$1", ""));
        assert_eq!(id("(.*)=g/$1/", "x/y"), names("g", "x/y", ""), "a slash in the name");
    }

    #[test]
    fn the_first_rule_that_matches() {
        let rules = ["a=first/f/", "ab|c=second/f/"].map(str::to_owned);
        let mapping = Mapping::new(&rules).expect("good rules");
        assert_eq!(mapping.id("ab").expect("both match").group, "first");
        assert_eq!(mapping.id("c").expect("one matches").group, "second");
        assert_eq!(mapping.id("d"), None);
    }

    #[test]
    fn rules_that_make_no_sense() {
        for (rule, why) in [
            ("no equals sign", "is not of the form"),
            ("a=b/c", "is not of the form"),
            ("a=/b/c", "names no group"),
            ("(=a/b/c", "has no good expression"),
            ("(a)=b/$1_x/c", "uses $1_x, which its expression does not have; braces"),
            ("(a)=b/${2}/c", "uses $2, which its expression does not have"),
            ("(?<n>a)=b/$m/c", "uses $m"),
        ] {
            let error = Mapping::new(&[rule.to_owned()]).expect_err(rule).to_string();
            assert!(error.contains(&format!("{rule:?}")) && error.contains(why), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_rule_makes_it_panic(rule: String, name: String) {
            let _ = Mapping::new(&[rule]).map(|mapping| mapping.id(&name));
        }

        /// The references found are those that the library expands: with all
        /// groups known and empty, what is left has none of their names.
        #[test]
        fn references_are_the_librarys(template in "[a$1{}_]{0,12}") {
            let pattern = Regex::new("").expect("it matches all");
            let captures = pattern.captures("").expect("it matches all");
            let mut expanded = String::new();
            captures.expand(&template, &mut expanded);
            // Text outside of references stands, so what went is references,
            // dollars and braces.
            let kept = |text: &str| text.chars().filter(|c| !"${}".contains(*c)).count();
            let named: usize = references(&template).iter().map(|name| kept(name)).sum();
            prop_assert_eq!(kept(&template), kept(&expanded) + named, "{} {}", template, expanded);
        }
    }
}

//! Reads the part of Terraform's configuration language that these tests use: `resource`, `provider` and `import` blocks with
//! literals, references to other resources, and `lifecycle`.

use std::iter::Peekable;
use std::vec::IntoIter;

use serde_json::{Map, Value as Json};
use token_providers::framework::testing::{Configuration, ResourceBlock};

/// A configuration and its `provider` block.
#[derive(Default)]
pub(crate) struct Read {
    pub(crate) configuration: Configuration,
    pub(crate) provider: Json,
}

/// Reads a configuration.
pub(crate) fn read(hcl: &str) -> Read {
    let mut reader = Reader(tokens(hcl).into_iter().peekable());
    let mut read = Read {
        provider: Json::Object(Map::new()),
        ..Read::default()
    };
    while let Some(token) = reader.0.next() {
        match token.as_str() {
            "\n" => {}
            "resource" => {
                let address = format!("{}.{}", reader.text(), reader.text());
                let block = reader.resource();
                read.configuration = read.configuration.with(&address, block);
            }
            "provider" => {
                reader.text();
                read.provider = Json::Object(reader.attributes());
            }
            "import" => {
                let block = reader.attributes();
                let argument = |name: &str| reference(&block[name]).to_owned();
                read.configuration = read.configuration.import(&argument("to"), &argument("id"));
            }
            other => panic!("{other:?} begins no block: {hcl}"),
        }
    }
    read
}

/// Quoted texts with their quotes, words, and signs; line breaks separate the attributes of an object.
fn tokens(hcl: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut characters = hcl.chars().peekable();
    while let Some(first) = characters.next() {
        let mut token = first.to_string();
        match first {
            '"' => {
                while let Some(character) = characters.next() {
                    token.push(character);
                    match character {
                        '\\' => token.extend(characters.next()),
                        '"' => break,
                        _ => {}
                    }
                }
            }
            '\n' | '{' | '}' | '[' | ']' | '=' | ',' => {}
            _ if first.is_whitespace() => continue,
            _ => {
                let is_word = |character: &char| character.is_alphanumeric() || "._-".contains(*character);
                token.extend(std::iter::from_fn(|| characters.next_if(is_word)));
            }
        }
        tokens.push(token);
    }
    tokens
}

struct Reader(Peekable<IntoIter<String>>);

impl Reader {
    fn skip_lines(&mut self) {
        while self.0.next_if(|token| token == "\n" || token == ",").is_some() {}
    }

    fn expect(&mut self, expected: &str) {
        let token = self.0.next();
        assert_eq!(token.as_deref(), Some(expected));
    }

    fn text(&mut self) -> String {
        let token = self.0.next().unwrap();
        serde_json::from_str(&token).unwrap_or_else(|_| panic!("{token} is no quoted text"))
    }

    fn resource(&mut self) -> ResourceBlock {
        let mut attributes = self.attributes();
        let lifecycle = attributes.remove("lifecycle");
        let depends_on = attributes.remove("depends_on");
        let references: Vec<_> = attributes
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.strip_prefix('\0')?.to_owned())))
            .collect();
        for (name, _) in &references {
            attributes.remove(name);
        }
        let mut block = ResourceBlock::new(Json::Object(attributes));
        for (name, reference) in references {
            let (address, of) = reference.rsplit_once('.').unwrap();
            block = block.referring(&name, address, of);
        }
        for address in depends_on.iter().flat_map(|list| list.as_array().unwrap()) {
            block = block.depends_on(reference(address));
        }
        let Some(lifecycle) = lifecycle else { return block };
        if lifecycle["create_before_destroy"] == true {
            block = block.create_before_destroy();
        }
        match &lifecycle["ignore_changes"] {
            Json::Array(ignored) => {
                let ignored: Vec<_> = ignored.iter().map(reference).collect();
                block.ignore_changes(&ignored)
            }
            Json::String(_) => block.ignore_all_changes(),
            _ => block,
        }
    }

    /// The attributes between braces; a nested block is the attribute of its name.
    fn attributes(&mut self) -> Map<String, Json> {
        self.expect("{");
        let mut attributes = Map::new();
        loop {
            self.skip_lines();
            let name = self.0.next().unwrap();
            if name == "}" {
                return attributes;
            }
            let name = name.trim_matches('"').to_owned();
            if self.0.peek().is_some_and(|token| token == "{") {
                attributes.insert(name, Json::Object(self.attributes()));
                continue;
            }
            self.expect("=");
            let value = self.value();
            attributes.insert(name, value);
        }
    }

    fn value(&mut self) -> Json {
        match self.0.peek().unwrap().as_str() {
            "{" => Json::Object(self.attributes()),
            "[" => {
                self.0.next();
                let mut elements = Vec::new();
                loop {
                    self.skip_lines();
                    if self.0.next_if(|token| token == "]").is_some() {
                        return Json::Array(elements);
                    }
                    elements.push(self.value());
                }
            }
            _ => {
                let token = self.0.next().unwrap();
                // Numbers, truth values, null and quoted texts are JSON; anything else refers to something.
                serde_json::from_str(&token).unwrap_or_else(|_| Json::String(format!("\0{token}")))
            }
        }
    }
}

/// The words of a reference.
fn reference(value: &Json) -> &str {
    value.as_str().unwrap().trim_start_matches('\0')
}

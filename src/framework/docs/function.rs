//! The reference of a function.

use super::super::function::Signature;
use super::page::{code, item};
use super::type_name;

/// Returns the signature and the arguments of a function. `function` is its full name.
pub(super) fn call(function: &str, signature: &Signature) -> String {
    let parameters = signature.parameters.iter();
    let typed = parameters
        .clone()
        .map(|parameter| format!("{} {}", parameter.name, type_name::in_signature(&parameter.ty)));
    let typed = typed.collect::<Vec<_>>().join(", ");
    let returns = type_name::in_signature(&signature.returns);
    let arguments = parameters.zip(1..).map(|(parameter, number)| {
        let (name, ty, description) = (parameter.name, type_name::title(&parameter.ty), parameter.description);
        let nullable = if parameter.nullable { ", may be null" } else { "" };
        item(
            &format!("{number}."),
            &format!("`{name}` ({ty}{nullable}) {description}"),
        )
    });
    let signature = code("text", &format!("{function}({typed}) {returns}"));
    format!(
        "## Signature\n\n\
         {signature}\n\
         ### Arguments\n\n\
         {}",
        arguments.collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::function::Parameter;
    use crate::framework::types::Type;

    #[test]
    fn reference_shows_signature_and_arguments_in_order() {
        let signature = Signature {
            summary: "",
            description: "",
            parameters: vec![
                Parameter::new("text", Type::String, "A text."),
                Parameter::new("times", Type::List(Box::new(Type::Number)), "How often.").nullable(),
            ],
            returns: Type::Bool,
        };
        let expected = "\
## Signature

```text
provider::demo::repeat(text string, times list of number) bool
```

### Arguments

1. `text` (String) A text.
2. `times` (List of Number, may be null) How often.
";
        assert_eq!(call("provider::demo::repeat", &signature), expected);
    }
}

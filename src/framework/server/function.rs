//! RPCs of functions.

use std::collections::HashMap;

use super::{HandlerResult, Server, encode, proto};
use crate::framework::context::Reported;
use crate::framework::function::{InvalidArgument, Signature};
use crate::framework::provider::Provider;
use crate::framework::value::Value;
use crate::framework::wire;

pub(super) async fn get_functions<P: Provider>(
    server: &Server<P>,
    _: proto::get_functions::Request,
    _: &Reported,
) -> HandlerResult<proto::get_functions::Response> {
    Ok(proto::get_functions::Response {
        functions: signatures(server),
        ..Default::default()
    })
}

/// Returns the signatures by name.
pub(super) fn signatures<P: Provider>(server: &Server<P>) -> HashMap<String, proto::Function> {
    let functions = server.functions.iter();
    functions
        .map(|(name, function)| ((*name).to_owned(), function.signature().to_proto()))
        .collect()
}

pub(super) async fn call<P: Provider>(
    server: &Server<P>,
    request: proto::call_function::Request,
    _: &Reported,
) -> HandlerResult<proto::call_function::Response> {
    let function = server.function(&request.name)?;
    let signature = function.signature();
    let outcome = decode(&signature, &request.arguments).and_then(|arguments| function.call(&arguments));
    Ok(match outcome {
        Ok(result) => proto::call_function::Response {
            result: Some(encode(&result, &signature.returns)?),
            error: None,
        },
        Err(InvalidArgument { position, problem }) => proto::call_function::Response {
            result: None,
            error: Some(proto::FunctionError {
                text: problem,
                function_argument: i64::try_from(position).ok(),
            }),
        },
    })
}

fn decode(signature: &Signature, arguments: &[proto::DynamicValue]) -> Result<Vec<Value>, InvalidArgument> {
    let decode = |(position, argument)| {
        let parameter = signature.parameters.get(position);
        let parameter = parameter
            .ok_or_else(|| InvalidArgument::at(position)("is not expected: the function has fewer parameters"))?;
        wire::decode(Some(argument), &parameter.ty).map_err(InvalidArgument::at(position))
    };
    arguments.iter().enumerate().map(decode).collect()
}

#[cfg(test)]
mod tests {
    use tonic::Request;

    use super::*;
    use crate::framework::context::{Configured, Context};
    use crate::framework::diagnostic::Diagnostics;
    use crate::framework::function::{DynFunction, Function, Parameter};
    use crate::framework::model::Model;
    use crate::framework::msgpack;
    use crate::framework::proto::provider_server::Provider as _;
    use crate::framework::types::Type;
    use crate::framework::value::Number;

    #[derive(Model)]
    struct Nothing {}

    /// A provider with two functions.
    struct Arithmetic;

    impl Provider for Arithmetic {
        type Config = Nothing;
        type Client = ();

        async fn configure(&self, _: &Context<()>, _: Nothing, _: &str) -> Result<Configured<()>, Diagnostics> {
            Ok(Configured::Ready(()))
        }

        fn functions(&self) -> Vec<Box<dyn DynFunction>> {
            vec![Box::new(Divide), Box::new(Numbers)]
        }
    }

    struct Divide;

    impl Function for Divide {
        type Arguments = (Vec<i64>, i64);
        type Output = Vec<i64>;

        const NAME: &'static str = "divide";

        fn signature(&self) -> Signature {
            let numbers = Type::List(Box::new(Type::Number));
            Signature {
                summary: "Divides",
                description: "Divides numbers by a divisor.",
                parameters: vec![
                    Parameter::new("dividends", numbers.clone(), "The dividends."),
                    Parameter::new("divisor", Type::Number, "The divisor."),
                ],
                returns: numbers,
            }
        }

        fn call(&self, (dividends, divisor): (Vec<i64>, i64)) -> Result<Vec<i64>, InvalidArgument> {
            if divisor == 0 {
                return Err(InvalidArgument::at(1)("must not be 0"));
            }
            // Panics on `i64::MIN` divided by -1.
            Ok(dividends.into_iter().map(|dividend| dividend / divisor).collect())
        }
    }

    /// Returns a list with the number, or an empty list for null.
    struct Numbers;

    impl Function for Numbers {
        type Arguments = (Option<i64>,);
        type Output = Vec<i64>;

        const NAME: &'static str = "numbers";

        fn signature(&self) -> Signature {
            Signature {
                summary: "Lists",
                description: "Lists a number.",
                parameters: vec![Parameter::new("number", Type::Number, "The number.").nullable()],
                returns: Type::List(Box::new(Type::Number)),
            }
        }

        fn call(&self, (number,): (Option<i64>,)) -> Result<Vec<i64>, InvalidArgument> {
            Ok(number.into_iter().collect())
        }
    }

    fn integer(n: i64) -> Value {
        Value::Number(Number::Integer(n))
    }

    /// Calls a function. Returns the result, or the error's message and the position of the
    /// argument.
    async fn called(name: &str, arguments: &[(Value, Type)]) -> Result<Value, (String, Option<i64>)> {
        let arguments = arguments.iter().map(|(value, ty)| wire::encode(value, ty).unwrap());
        let request = proto::call_function::Request {
            name: name.to_owned(),
            arguments: arguments.collect(),
        };
        let response = Server::new(Arithmetic).call_function(Request::new(request)).await;
        let response = response.unwrap().into_inner();
        match response.error {
            Some(error) => {
                assert_eq!(response.result, None, "an error and a result");
                Err((error.text, error.function_argument))
            }
            None => {
                Ok(msgpack::decode(&response.result.unwrap().msgpack, &Type::List(Box::new(Type::Number))).unwrap())
            }
        }
    }

    async fn divided(dividends: &[i64], divisor: Value) -> Result<Value, (String, Option<i64>)> {
        let dividends = Value::List(dividends.iter().copied().map(integer).collect());
        let numbers = Type::List(Box::new(Type::Number));
        called("divide", &[(dividends, numbers), (divisor, Type::Number)]).await
    }

    #[tokio::test]
    async fn call_returns_result_or_error_on_argument() {
        let result = divided(&[6, 8], integer(2)).await;
        assert_eq!(result, Ok(Value::List(vec![integer(3), integer(4)])));
        let result = divided(&[6, 8], integer(0)).await;
        assert_eq!(result, Err(("must not be 0".to_owned(), Some(1))));
    }

    #[tokio::test]
    async fn nullable_parameter_accepts_null_and_rejects_unknown() {
        for (argument, result) in [(Value::Null, vec![]), (integer(7), vec![integer(7)])] {
            let outcome = called("numbers", &[(argument, Type::Number)]).await;
            assert_eq!(outcome, Ok(Value::List(result)));
        }
        let (_, argument) = called("numbers", &[(Value::Unknown, Type::Number)]).await.unwrap_err();
        assert_eq!(argument, Some(0));
    }

    #[tokio::test]
    async fn invalid_arguments_are_error_on_first_of_them() {
        let numbers = || (Value::List(Vec::new()), Type::List(Box::new(Type::Number)));
        let number = || (integer(1), Type::Number);
        for (arguments, position) in [
            (vec![], 0),
            (vec![numbers()], 1),
            (vec![numbers(), number(), number()], 2),
            (vec![number(), number()], 0),
            (vec![numbers(), (Value::Null, Type::Number)], 1),
            (vec![(Value::Unknown, Type::Number), number()], 0),
            (vec![(Value::List(vec![Value::Null]), numbers().1), number()], 0),
        ] {
            let outcome = called("divide", &arguments).await;
            let (text, argument) = outcome.unwrap_err();
            assert_eq!(argument, Some(position), "{arguments:?}: {text}");
        }
    }

    #[tokio::test]
    async fn unknown_function_and_panic_are_errors_without_argument() {
        let (text, argument) = called("multiply", &[]).await.unwrap_err();
        assert!(text.contains("no function \"multiply\""), "{text}");
        assert_eq!(argument, None);
        let (text, argument) = divided(&[i64::MIN], integer(-1)).await.unwrap_err();
        assert!(text.contains("call_function panicked"), "{text}");
        assert_eq!(argument, None);
    }

    #[tokio::test]
    async fn functions_are_listed_in_metadata_and_schemas() {
        let server = Server::new(Arithmetic);
        let functions = server
            .get_functions(Request::new(Default::default()))
            .await
            .unwrap()
            .into_inner();
        let schema = server
            .get_provider_schema(Request::new(Default::default()))
            .await
            .unwrap();
        let metadata = server
            .get_metadata(Request::new(Default::default()))
            .await
            .unwrap()
            .into_inner();
        assert_eq!(functions.functions, schema.into_inner().functions);
        assert_eq!(metadata.functions[0].name, "divide");

        let divide = &functions.functions["divide"];
        let types: Vec<&[u8]> = divide.parameters.iter().map(|parameter| &*parameter.r#type).collect();
        assert_eq!(types, [&br#"["list","number"]"#[..], br#""number""#]);
        assert_eq!(divide.parameters[1].name, "divisor");
        assert!(!divide.parameters[1].allow_null_value);
        assert!(functions.functions["numbers"].parameters[0].allow_null_value);
        assert_eq!(divide.r#return.as_ref().unwrap().r#type, br#"["list","number"]"#);
    }
}

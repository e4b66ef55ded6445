//! Schemas that a provider returns, and conversion of values to them.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value as Json;

use crate::framework::types::Type;
use crate::framework::value::Value;
use crate::framework::{json, msgpack, proto};

/// The schemas of a provider, by type.
#[derive(Debug, Default)]
pub struct ProviderSchema {
    pub(super) provider: ObjectSchema,
    pub(super) resources: BTreeMap<String, ObjectSchema>,
    pub(super) data_sources: BTreeMap<String, ObjectSchema>,
    pub(super) ephemeral_resources: BTreeMap<String, ObjectSchema>,
    pub(super) list_resources: BTreeMap<String, ObjectSchema>,
    pub(super) actions: BTreeMap<String, ObjectSchema>,
    pub(super) functions: BTreeMap<String, FunctionSchema>,
    /// Whether the provider plans destructions.
    pub(super) plans_destroy: bool,
}

/// The schema of an object: a resource or a nested object.
#[derive(Debug)]
pub struct ObjectSchema {
    /// The version of the schema.
    pub version: i64,
    /// The attributes, by name.
    pub attributes: BTreeMap<String, AttributeSchema>,
    /// The type of the object.
    pub(super) ty: Type,
}

impl Default for ObjectSchema {
    fn default() -> Self {
        Self {
            version: 0,
            attributes: BTreeMap::new(),
            ty: Type::Object(BTreeMap::new()),
        }
    }
}

/// The schema of an attribute.
#[derive(Debug)]
pub struct AttributeSchema {
    /// The type of its values.
    pub ty: Type,
    /// Whether the user must set it.
    pub required: bool,
    /// Whether the user may set it.
    pub optional: bool,
    /// Whether the provider may set it.
    pub computed: bool,
    /// Whether Terraform hides the value in its output.
    pub sensitive: bool,
    /// Whether plans and states do not contain the value.
    pub write_only: bool,
    /// The nested attributes, if it is a nested attribute.
    pub nested: Option<Nested>,
}

/// The nesting of an attribute, and the schema of its objects.
#[derive(Debug)]
pub struct Nested {
    /// The nesting mode.
    pub mode: NestingMode,
    /// The schema of each object.
    pub object: ObjectSchema,
}

/// The nesting mode of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NestingMode {
    /// A single object.
    Single,
    /// A list of objects.
    List,
    /// A set of objects.
    Set,
    /// A map of objects.
    Map,
}

/// The types of a function.
#[derive(Debug)]
pub(super) struct FunctionSchema {
    pub(super) parameters: Vec<Type>,
    pub(super) variadic: Option<Type>,
    pub(super) returns: Type,
}

/// A result whose error says why a schema or a value is invalid.
pub(super) type Result<T> = std::result::Result<T, String>;

impl ProviderSchema {
    pub(super) fn from_proto(response: proto::get_provider_schema::Response) -> Result<Self> {
        let actions = response.action_schemas.into_iter();
        let actions = actions.map(|(name, action)| (name, action.schema.unwrap_or_default()));
        let functions = response.functions.into_iter();
        Ok(Self {
            provider: ObjectSchema::from_proto(response.provider.unwrap_or_default())?,
            resources: objects(response.resource_schemas)?,
            data_sources: objects(response.data_source_schemas)?,
            ephemeral_resources: objects(response.ephemeral_resource_schemas)?,
            list_resources: objects(response.list_resource_schemas)?,
            actions: objects(actions.collect())?,
            functions: functions
                .map(|(name, function)| Ok((name, FunctionSchema::from_proto(function)?)))
                .collect::<Result<_>>()?,
            plans_destroy: response.server_capabilities.unwrap_or_default().plan_destroy,
        })
    }

    /// Returns the schema of a managed resource.
    pub fn resource(&self, type_name: &str) -> Option<&ObjectSchema> {
        self.resources.get(type_name)
    }
}

fn objects(schemas: HashMap<String, proto::Schema>) -> Result<BTreeMap<String, ObjectSchema>> {
    let schemas = schemas.into_iter();
    schemas
        .map(|(name, schema)| {
            let schema = ObjectSchema::from_proto(schema).map_err(|problem| format!("{name}: {problem}"))?;
            Ok((name, schema))
        })
        .collect()
}

impl FunctionSchema {
    fn from_proto(function: proto::Function) -> Result<Self> {
        let parameters = function.parameters.iter();
        Ok(Self {
            parameters: parameters
                .map(|parameter| read_type(&parameter.r#type))
                .collect::<Result<_>>()?,
            variadic: function
                .variadic_parameter
                .map(|parameter| read_type(&parameter.r#type))
                .transpose()?,
            returns: read_type(&function.r#return.unwrap_or_default().r#type)?,
        })
    }
}

impl ObjectSchema {
    fn from_proto(schema: proto::Schema) -> Result<Self> {
        let block = schema.block.unwrap_or_default();
        if let Some(nested) = block.block_types.first() {
            return Err(format!("{}: nested blocks are not supported", nested.type_name));
        }
        Self::of(schema.version, block.attributes)
    }

    fn of(version: i64, attributes: Vec<proto::schema::Attribute>) -> Result<Self> {
        let attributes: BTreeMap<_, _> = attributes
            .into_iter()
            .map(|attribute| {
                let name = attribute.name.clone();
                let attribute = AttributeSchema::from_proto(attribute);
                let attribute = attribute.map_err(|problem| format!("{name}: {problem}"))?;
                Ok((name, attribute))
            })
            .collect::<Result<_>>()?;
        let types = attributes.iter();
        let ty = Type::Object(types.map(|(name, a)| (name.clone(), a.ty.clone())).collect());
        Ok(Self {
            version,
            attributes,
            ty,
        })
    }

    /// Returns the type of the object.
    pub fn object_type(&self) -> &Type {
        &self.ty
    }

    /// Converts `config` to what Terraform sends: all attributes, with the types of the schema.
    pub(super) fn conform(&self, config: &Value) -> Result<Value> {
        let ty = self.object_type();
        let value = complete(config, ty)?;
        normalise(&value, ty)
    }

    /// Converts a configuration in JSON.
    pub(super) fn conform_json(&self, config: &Json) -> Result<Value> {
        let ty = self.object_type();
        check_names(config, ty)?;
        let value = json::from_json(config.clone(), ty).map_err(|error| error.to_string())?;
        normalise(&value, ty)
    }

    /// Returns the errors of a configuration that Terraform itself reports.
    pub(super) fn config_problems(&self, config: &Value) -> Vec<String> {
        let mut problems = Vec::new();
        for (name, attribute) in &self.attributes {
            let value = config.get(name);
            if attribute.required && value.is_null() {
                problems.push(format!(
                    "The argument {name:?} is required, but no definition was found."
                ));
            }
            if !attribute.required && !attribute.optional && !value.is_null() {
                problems.push(format!("Can't configure a value for {name:?}: the provider sets it."));
            }
            let Some(nested) = &attribute.nested else { continue };
            for object in nested.objects(value) {
                let inner = nested.object.config_problems(object);
                problems.extend(inner.into_iter().map(|problem| format!("{name}: {problem}")));
            }
        }
        problems
    }
}

impl AttributeSchema {
    fn from_proto(attribute: proto::schema::Attribute) -> Result<Self> {
        let nested = attribute.nested_type.map(Nested::from_proto).transpose()?;
        Ok(Self {
            ty: match &nested {
                Some(nested) => nested.ty(),
                None => read_type(&attribute.r#type)?,
            },
            required: attribute.required,
            optional: attribute.optional,
            computed: attribute.computed,
            sensitive: attribute.sensitive,
            write_only: attribute.write_only,
            nested,
        })
    }

    /// Returns whether only the provider sets it.
    pub(super) fn is_read_only(&self) -> bool {
        self.computed && !self.optional
    }
}

impl Nested {
    fn from_proto(object: proto::schema::Object) -> Result<Self> {
        use proto::schema::object::NestingMode as Mode;
        let mode = match object.nesting() {
            Mode::Single => NestingMode::Single,
            Mode::List => NestingMode::List,
            Mode::Set => NestingMode::Set,
            Mode::Map => NestingMode::Map,
            Mode::Invalid => return Err("its nesting mode is invalid".to_owned()),
        };
        Ok(Self {
            mode,
            object: ObjectSchema::of(0, object.attributes)?,
        })
    }

    fn ty(&self) -> Type {
        let object = self.object.object_type().clone();
        match self.mode {
            NestingMode::Single => object,
            NestingMode::List => Type::List(Box::new(object)),
            NestingMode::Set => Type::Set(Box::new(object)),
            NestingMode::Map => Type::Map(Box::new(object)),
        }
    }

    /// Returns the objects in a value.
    pub(super) fn objects<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        match (self.mode, value) {
            (NestingMode::Single, Value::Map(_)) => vec![value],
            (NestingMode::List | NestingMode::Set, Value::List(elements)) => elements.iter().collect(),
            (NestingMode::Map, Value::Map(members)) => members.values().collect(),
            _ => Vec::new(),
        }
    }
}

fn read_type(json: &[u8]) -> Result<Type> {
    let json = serde_json::from_slice(json).ok();
    json.and_then(|json: Json| Type::from_json(&json))
        .ok_or_else(|| "its type is not one of Terraform's".to_owned())
}

/// Adds absent attributes of objects, as null.
fn complete(value: &Value, ty: &Type) -> Result<Value> {
    Ok(match (value, ty) {
        (Value::Map(members), Type::Object(types)) => {
            if let Some(name) = members.keys().find(|name| !types.contains_key(*name)) {
                return Err(unsupported(name));
            }
            let members = types.iter().map(|(name, ty)| {
                let member = members.get(name).unwrap_or(&Value::Null);
                Ok((name.clone(), complete(member, ty)?))
            });
            Value::Map(members.collect::<Result<_>>()?)
        }
        (Value::Map(members), Type::Map(ty)) => {
            let members = members
                .iter()
                .map(|(name, member)| Ok((name.clone(), complete(member, ty)?)));
            Value::Map(members.collect::<Result<_>>()?)
        }
        (Value::List(elements), Type::List(ty) | Type::Set(ty)) => {
            let elements = elements.iter().map(|element| complete(element, ty));
            Value::List(elements.collect::<Result<_>>()?)
        }
        (value, _) => value.clone(),
    })
}

fn unsupported(name: &str) -> String {
    format!("An argument named {name:?} is not expected here.")
}

/// Rejects names that are not in the type.
fn check_names(json: &Json, ty: &Type) -> Result<()> {
    match (json, ty) {
        (Json::Object(members), Type::Object(types)) => members.iter().try_for_each(|(name, member)| {
            let ty = types.get(name).ok_or_else(|| unsupported(name))?;
            check_names(member, ty)
        }),
        (Json::Object(members), Type::Map(ty)) => members.values().try_for_each(|member| check_names(member, ty)),
        (Json::Array(elements), Type::List(ty) | Type::Set(ty)) => {
            elements.iter().try_for_each(|element| check_names(element, ty))
        }
        _ => Ok(()),
    }
}

/// Normalises numbers and the order of sets, as the protocol does, so that equal values are equal.
fn normalise(value: &Value, ty: &Type) -> Result<Value> {
    let bytes = msgpack::encode(value, ty).map_err(|error| error.to_string())?;
    let value = msgpack::decode(&bytes, ty).map_err(|error| error.to_string())?;
    Ok(sort_sets(value, ty))
}

/// Sorts the elements of sets and removes duplicates.
pub(super) fn sort_sets(value: Value, ty: &Type) -> Value {
    match (value, ty) {
        (Value::List(elements), Type::Set(ty)) => {
            let elements = elements.into_iter().map(|element| sort_sets(element, ty));
            let keyed = elements.map(|element| (msgpack::encode(&element, ty).unwrap_or_default(), element));
            Value::List(keyed.collect::<BTreeMap<_, _>>().into_values().collect())
        }
        (Value::List(elements), Type::List(ty)) => {
            Value::List(elements.into_iter().map(|element| sort_sets(element, ty)).collect())
        }
        (Value::List(elements), Type::Tuple(types)) => {
            let elements = elements.into_iter().zip(types);
            Value::List(elements.map(|(element, ty)| sort_sets(element, ty)).collect())
        }
        (Value::Map(members), Type::Map(ty)) => {
            let members = members.into_iter();
            Value::Map(members.map(|(name, member)| (name, sort_sets(member, ty))).collect())
        }
        (Value::Map(members), Type::Object(types)) => {
            let members = members.into_iter().map(|(name, member)| match types.get(&name) {
                Some(ty) => {
                    let member = sort_sets(member, ty);
                    (name, member)
                }
                None => (name, member),
            });
            Value::Map(members.collect())
        }
        (value, _) => value,
    }
}

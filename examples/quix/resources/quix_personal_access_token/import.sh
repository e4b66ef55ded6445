# The id is in the list of the data source quix_personal_access_tokens. Never use the token's value.
terraform import quix_personal_access_token.ci 3f2504e0-4f89-41d3-9a0c-0305e82c3301

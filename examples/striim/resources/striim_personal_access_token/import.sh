# By the user's email address. By `own`, if the provider uses the token itself and `email` is not set.
terraform import striim_personal_access_token.jo jo@example.com

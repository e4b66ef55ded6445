import {
  to = striim_personal_access_token.jo
  identity = {
    email = "jo@example.com"
  }
}

// A PKCS #11 module that is OpenSC's and enters the passcode by itself, from LANYARD_TEST_PASSCODE: which window a browser asks for it
// in, no test can press. For tests alone.
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include <p11-kit/pkcs11.h>

static CK_FUNCTION_LIST_PTR theirs;
static CK_FUNCTION_LIST ours;

// Whoever need not log in is not asked.
static CK_RV token_info(CK_SLOT_ID slot, CK_TOKEN_INFO_PTR info) {
  CK_RV result = theirs->C_GetTokenInfo(slot, info);
  if (result == CKR_OK) info->flags &= ~(CK_FLAGS)(CKF_LOGIN_REQUIRED | CKF_USER_PIN_COUNT_LOW);
  return result;
}

static CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, CK_VOID_PTR application, CK_NOTIFY notify,
                          CK_SESSION_HANDLE_PTR session) {
  CK_RV result = theirs->C_OpenSession(slot, flags, application, notify, session);
  const char *passcode = getenv("LANYARD_TEST_PASSCODE");
  CK_TOKEN_INFO info;
  // A second session finds that it is entered already.
  if (result == CKR_OK && passcode && theirs->C_GetTokenInfo(slot, &info) == CKR_OK && (info.flags & CKF_LOGIN_REQUIRED))
    theirs->C_Login(*session, CKU_USER, (CK_UTF8CHAR_PTR)passcode, strlen(passcode));
  return result;
}

// Nor can a test choose in that window: the certificate for signing in (01) is chosen here, and that for signatures (02) left aside.
static int is_for_signatures(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object) {
  CK_BYTE id[8];
  CK_ATTRIBUTE attribute = {CKA_ID, id, sizeof id};
  return theirs->C_GetAttributeValue(session, object, &attribute, 1) == CKR_OK && attribute.ulValueLen == 1 && id[0] == 2;
}

static CK_RV find_objects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE_PTR objects, CK_ULONG most, CK_ULONG_PTR count) {
  CK_ULONG found, kept = 0;
  do {
    CK_RV result = theirs->C_FindObjects(session, objects, most, &found);
    if (result != CKR_OK) return result;
    for (CK_ULONG at = 0; at < found; at++)
      if (!is_for_signatures(session, objects[at])) objects[kept++] = objects[at];
    // None found would be the end.
  } while (found && !kept);
  *count = kept;
  return CKR_OK;
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list) {
  if (!theirs) {
    void *module = dlopen("opensc-pkcs11.so", RTLD_NOW);
    CK_C_GetFunctionList function_list = module ? (CK_C_GetFunctionList)dlsym(module, "C_GetFunctionList") : NULL;
    if (!function_list || function_list(&theirs) != CKR_OK) return CKR_GENERAL_ERROR;
    ours = *theirs;
    ours.version.major = 2;
    ours.version.minor = 20;
    ours.C_GetTokenInfo = token_info;
    ours.C_OpenSession = open_session;
    ours.C_FindObjects = find_objects;
    ours.C_GetFunctionList = C_GetFunctionList;
  }
  *list = &ours;
  return CKR_OK;
}

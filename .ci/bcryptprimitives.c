// The one function of bcryptprimitives.dll that Go programs call, from Go 1.20 on.
// Wine 8, of Debian 12, has no such library.
#include <windows.h>
#include <ntsecapi.h> // RtlGenRandom

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T length)
{
	return RtlGenRandom(data, (ULONG)length);
}

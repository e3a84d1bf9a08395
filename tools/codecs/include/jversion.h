#define JVERSION "6b"
#define JCOPYRIGHT "The libjpeg-turbo Project and many others"
#define JCOPYRIGHT_SHORT JCOPYRIGHT
